"""What every `Chunks` adapter promises about filters on attributes."""

import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.memory.chunks import MemoryChunks
from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import rows
from shared.ports.chunks import Chunks
from shared.ports.filters import Combined, Filter, OneOf, Ordered, holds
from shared.ports.records import Attribute
from tests.contracts.stores import DIMENSIONS, X, Y, chunk
from tests.cosmos.worlds import SOME_STORES

DOCUMENTS: dict[str, dict[str, Attribute]] = {
    "none": {},
    "zero": {"n": 0.0},
    "one": {"n": 1.0, "s": "one"},
    "two": {"n": 2.0, "s": "two", "draft": True},
    "final": {"n": -1.5, "s": "", "draft": False},
    "text": {"n": "1", "s": 'O\'Neil "x" %_\0 日本', "draft": "true"},
    "odd": {"a.b": "x", 'say "x"': 1.0, "$[0]": "y", "n'; --": True, "日本": "z"},
}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=SOME_STORES)
def chunks(request: pytest.FixtureRequest) -> Chunks:
    if request.param == "memory":
        return MemoryChunks(dimensions=DIMENSIONS)
    if request.param.startswith("cosmos"):
        return CosmosChunks(
            request.getfixturevalue("cosmos").under(request.param), dimensions=DIMENSIONS, embedding_model="test"
        )
    return SqliteChunks(request.getfixturevalue("database"), dimensions=DIMENSIONS, embedding_model="test")


@pytest.fixture
async def filled(chunks: Chunks) -> Chunks:
    for name, attributes in DOCUMENTS.items():
        await chunks.put([chunk(name, document_id=name, attributes=attributes)])
        await chunks.publish("t", "s", name, 1)
    return chunks


async def found(chunks: Chunks, chosen: Filter, *, limit: int = 20, **changes: object) -> set[str]:
    """The chunks that both searches agree upon."""
    asked: dict[str, object] = {"vector": X, "text": "words", "principals": (), "limit": limit, "filters": chosen}
    candidates = await chunks.search("t", "s", **asked | changes)  # type: ignore[arg-type]
    by_vector, by_text = ({hit.id for hit, _ in hits} for hits in (candidates.by_vector, candidates.by_text))
    assert by_vector == by_text
    return by_vector


EVERY = set(DOCUMENTS)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (OneOf("n", (1.0,)), {"one"}),
        (OneOf("n", (1,)), {"one"}),
        (OneOf("n", ("1",)), {"text"}),
        (OneOf("n", (True,)), set[str]()),
        (OneOf("draft", (True,)), {"two"}),
        (OneOf("draft", (1,)), set[str]()),
        (OneOf("draft", (False,)), {"final"}),
        (OneOf("draft", ("true",)), {"text"}),
        (OneOf("s", ("",)), {"final"}),
        (OneOf("s", ('O\'Neil "x" %_\0 日本',)), {"text"}),
        (OneOf("s", ('O\'Neil "x" %_',)), set[str]()),
        (OneOf("s", ("ONE",)), set[str]()),
        (OneOf("n", (1.0, "1", 0, True)), {"one", "text", "zero"}),
        (OneOf("missing", ("x", 1, False)), set[str]()),
        (OneOf("n", (1.0,), negated=True), EVERY - {"one"}),
        (OneOf("n", (1.0, "1"), negated=True), EVERY - {"one", "text"}),
        (OneOf("missing", (1,), negated=True), EVERY),
        (Ordered("n", "gt", 0), {"one", "two"}),
        (Ordered("n", "gte", 0), {"zero", "one", "two"}),
        (Ordered("n", "lt", 0), {"final"}),
        (Ordered("n", "lte", 0), {"zero", "final"}),
        (Ordered("n", "gt", ""), {"text"}),
        (Ordered("s", "gt", "one"), {"two"}),
        (Ordered("s", "lte", "one"), {"one", "final", "text"}),
        (Ordered("draft", "gt", -1), set[str]()),
        (Ordered("missing", "lt", "z"), set[str]()),
        (OneOf("a.b", ("x",)), {"odd"}),
        (OneOf('say "x"', (1,)), {"odd"}),
        (OneOf("$[0]", ("y",)), {"odd"}),
        (OneOf("n'; --", (True,)), {"odd"}),
        (OneOf("日本", ("z",)), {"odd"}),
        (Combined("and", (OneOf("n", (2,)), OneOf("draft", (True,)))), {"two"}),
        (Combined("and", (OneOf("n", (1,)), OneOf("draft", (True,)))), set[str]()),
        (Combined("or", (OneOf("n", (1,)), OneOf("draft", (True,)))), {"one", "two"}),
        (Combined("or", (OneOf("n", (1,)),)), {"one"}),
        (
            Combined("and", (Ordered("n", "gt", 0), Combined("or", (OneOf("s", ("one",)), OneOf("draft", (True,)))))),
            {"one", "two"},
        ),
        (
            Combined("or", (OneOf("s", ("one",)), Combined("and", (OneOf("n", (2,)), OneOf("draft", (False,)))))),
            {"one"},
        ),
    ],
)
async def test_a_filter_finds_the_documents_that_it_holds_for(
    filled: Chunks, chosen: Filter, expected: set[str]
) -> None:
    assert await found(filled, chosen) == expected


async def test_every_store_means_by_a_filter_what_the_port_says(filled: Chunks) -> None:
    dice = random.Random(5)
    for _ in range(60):
        chosen = any_filter(dice, depth=3)
        assert await found(filled, chosen) == {name for name, one in DOCUMENTS.items() if holds(chosen, one)}, chosen


def any_filter(dice: random.Random, depth: int) -> Filter:
    key = dice.choice(("n", "s", "draft", "missing", "a.b"))
    match dice.choice(("one", "ordered", "combined")) if depth else dice.choice(("one", "ordered")):
        case "one":
            values: tuple[Attribute, ...] = (0, 1.0, 2, -1.5, "1", "one", "", "true", True, False, "x")
            return OneOf(key, tuple(dice.sample(values, dice.randint(1, 4))), negated=dice.random() < 0.4)
        case "ordered":
            return Ordered(key, dice.choice(("gt", "gte", "lt", "lte")), dice.choice((0, 1.0, -2, "", "one", "1")))
        case _:
            inner = tuple(any_filter(dice, depth - 1) for _ in range(dice.randint(1, 3)))
            return Combined(dice.choice(("and", "or")), inner)


async def put(chunks: Chunks, name: str, generation: int, attributes: Mapping[str, Attribute], **more: object) -> None:
    fields = {"document_id": name, "generation": generation, "attributes": attributes} | more
    await chunks.put([chunk(f"{name}{generation}", **fields)])


async def test_what_a_filter_leaves_out_does_not_use_up_the_limit(chunks: Chunks) -> None:
    for number in range(60):
        await put(chunks, f"near{number}-", 1, {"n": 1.0}, embedding=X)
        await chunks.publish("t", "s", f"near{number}-", 1)
    await put(chunks, "far", 1, {"n": 2.0}, embedding=Y)
    await chunks.publish("t", "s", "far", 1)
    assert await found(chunks, OneOf("n", (2,)), limit=1) == {"far1"}
    assert len(await found(chunks, OneOf("n", (2,), negated=True), limit=60)) == 60


async def test_a_filter_opens_nothing_that_the_caller_may_not_read(chunks: Chunks) -> None:
    await put(chunks, "open", 1, {"n": 1.0})
    await put(chunks, "closed", 1, {"n": 1.0}, acl=("boss",))
    for name in ("open", "closed"):
        await chunks.publish("t", "s", name, 1)
    either = Combined("or", (OneOf("n", (1,)), OneOf("n", (1,), negated=True)))
    for chosen in (OneOf("n", (1,)), either):
        assert await found(chunks, chosen) == {"open1"}
        assert await found(chunks, chosen, principals=("boss",)) == {"open1", "closed1"}


async def test_the_attributes_of_the_generation_that_is_live_count(chunks: Chunks) -> None:
    await put(chunks, "d", 1, {"year": 2023.0})
    await chunks.publish("t", "s", "d", 1)
    await put(chunks, "d", 2, {"year": 2024.0})
    assert await found(chunks, OneOf("year", (2024,))) == set()
    await chunks.publish("t", "s", "d", 2)
    for _ in range(2):
        assert await found(chunks, OneOf("year", (2024,))) == {"d2"}
        assert await found(chunks, OneOf("year", (2023,))) == set()
        await chunks.sweep("t", "s", "d")


async def test_a_filter_narrows_the_documents_asked_for(filled: Chunks) -> None:
    chosen = Ordered("n", "gte", 1)
    assert await found(filled, chosen, document_ids=["one", "final", "text"]) == {"one"}


async def test_filters_reach_into_no_other_store(filled: Chunks) -> None:
    await filled.put([chunk("elsewhere", store_id="other", attributes={"n": 1.0})])
    await filled.publish("t", "other", "d", 1)
    assert await found(filled, OneOf("n", (1,))) == {"one"}


async def test_no_attribute_outlives_its_generation(database: SqliteDatabase) -> None:
    chunks = SqliteChunks(database, dimensions=DIMENSIONS, embedding_model="test")
    for generation in (1, 2):
        await put(chunks, "d", generation, {"year": 2023.0, "n": 1.0})
        await put(chunks, "d", generation, {"year": 2024.0})
        await chunks.publish("t", "s", "d", generation)
        await chunks.sweep("t", "s", "d")
    kept = await database.read(lambda connection: rows(connection, "SELECT name, value FROM attributes"))
    assert kept == [("year", 2024.0)]
    await chunks.drop_store("t", "s")
    assert not await database.read(lambda connection: rows(connection, "SELECT * FROM attributes"))
