"""A search sees each document in one generation at every moment, however writers move under it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from shared.adapters.cosmos.chunks import CosmosChunks
from shared.errors import OverloadedError
from shared.ports.chunks import Candidates
from tests.contracts.stores import X, chunk
from tests.cosmos.fake import FakeCosmos, Fault
from tests.cosmos.fake.faults import Request

type Act = Callable[[CosmosChunks], Awaitable[object]]


async def write(chunks: CosmosChunks, generation: int, document: str = "d", count: int = 3) -> None:
    names = [f"{document}{generation}-{number}" for number in range(count)]
    await chunks.put([chunk(name, generation=generation, document_id=document) for name in names])


async def index(chunks: CosmosChunks, generation: int, document: str = "d", count: int = 3) -> None:
    await write(chunks, generation, document, count)
    await chunks.publish("t", "s", document, generation)
    await chunks.sweep("t", "s", document)


async def search(chunks: CosmosChunks, limit: int = 50) -> Candidates:
    return await chunks.search("t", "s", vector=X, text="words", principals=(), limit=limit)


def generations(found: Candidates, document: str = "d") -> list[int]:
    by_vector = [hit.generation for hit, _ in found.by_vector if hit.document_id == document]
    assert by_vector == [hit.generation for hit, _ in found.by_text if hit.document_id == document]
    return by_vector


def by_vector(request: Request) -> bool:
    return b"ORDER BY VectorDistance" in request.raw


async def retire(chunks: CosmosChunks) -> None:
    await chunks.retire("t", "s", "d", 2)
    await chunks.sweep("t", "s", "d")


async def twice(chunks: CosmosChunks) -> None:
    await index(chunks, 2)
    await index(chunks, 3)


async def half(chunks: CosmosChunks) -> None:
    await write(chunks, 2)


async def published(chunks: CosmosChunks) -> None:
    await write(chunks, 2)
    await chunks.publish("t", "s", "d", 2)


async def another(chunks: CosmosChunks) -> None:
    await index(chunks, 1, document="e")


@pytest.mark.parametrize(
    ("under", "expected"),
    [
        (half, [1, 1, 1]),
        (published, [2, 2, 2]),
        (twice, [3, 3, 3]),
        (retire, []),
        (another, [1, 1, 1]),
    ],
)
@pytest.mark.parametrize("held", ["before the vectors", "before the text", "before the second look"])
async def test_a_search_under_which_a_document_moves_gives_one_whole_generation(
    fake: FakeCosmos, chunks: CosmosChunks, under: Act, expected: list[int], held: str
) -> None:
    await index(chunks, 1)
    fits = {
        "before the vectors": by_vector,
        "before the text": lambda request: b"ORDER BY RANK" in request.raw,
        "before the second look": _second_look(fake),
    }
    hold = fake.faults.hold(fits[held])
    searching = asyncio.create_task(search(chunks))
    await hold.reached.wait()
    await under(chunks)
    hold.released.set()
    found = generations(await searching)
    # A search may answer as of any moment while it ran; never with half a document, or two.
    assert found in (expected, [1, 1, 1])


def _second_look(fake: FakeCosmos) -> Callable[[Request], bool]:
    def fits(request: Request) -> bool:
        asked = [entry for entry in fake.journal.of("query") if "VectorDistance" in entry.sql]
        return request.target == "visibility" and bool(asked)

    return fits


async def test_a_document_that_was_moving_before_the_search_and_is_swept_under_it_is_whole(
    fake: FakeCosmos, chunks: CosmosChunks
) -> None:
    await index(chunks, 1)
    await write(chunks, 2)
    hold = fake.faults.hold(by_vector)
    searching = asyncio.create_task(search(chunks))
    await hold.reached.wait()
    await chunks.publish("t", "s", "d", 2)
    await chunks.sweep("t", "s", "d")
    hold.released.set()
    assert generations(await searching) == [2, 2, 2]


async def test_a_new_document_that_is_published_and_swept_under_a_search_does_not_disturb_it(
    fake: FakeCosmos, chunks: CosmosChunks
) -> None:
    await index(chunks, 1)
    await write(chunks, 1, document="new")
    hold = fake.faults.hold(by_vector)
    searching = asyncio.create_task(search(chunks))
    await hold.reached.wait()
    await chunks.publish("t", "s", "new", 1)
    await chunks.sweep("t", "s", "new")
    fake.journal.clear()
    hold.released.set()
    found = await searching
    assert (generations(found), generations(found, "new")) == ([1, 1, 1], [])
    assert len(fake.journal.of("query")) <= 2


async def test_a_list_under_which_the_document_moves_gives_one_whole_generation(
    fake: FakeCosmos, chunks: CosmosChunks
) -> None:
    await index(chunks, 1)
    hold = fake.faults.hold(lambda request: request.kind == "query")
    listing = asyncio.create_task(chunks.list("t", "s", "d"))
    await hold.reached.wait()
    await index(chunks, 2)
    hold.released.set()
    assert [one.generation for one in await listing] == [2, 2, 2]


async def test_a_list_or_search_that_never_sees_two_equal_views_says_so(fake: FakeCosmos, chunks: CosmosChunks) -> None:
    await index(chunks, 1)
    generation = 1

    async def restless(read: Callable[[], Awaitable[object]], when: Callable[[Request], bool]) -> None:
        nonlocal generation
        reading = asyncio.ensure_future(read())
        for _ in range(6):
            hold = fake.faults.hold(when)
            await hold.reached.wait()
            generation += 1
            await index(chunks, generation)
            hold.released.set()
        with pytest.raises(OverloadedError, match="faster"):
            await reading

    await restless(lambda: search(chunks), by_vector)
    await restless(lambda: chunks.list("t", "s", "d"), lambda request: b"@generation" in request.raw)


async def test_readers_beside_a_writer_only_ever_see_whole_documents(chunks: CosmosChunks) -> None:
    documents = ("a", "b", "c")
    for document in documents:
        await index(chunks, 1, document)
    views: list[dict[str, list[int]]] = []

    async def read() -> None:
        while len(views) < 5:
            try:
                found = await search(chunks)
            except OverloadedError:
                continue  # said honestly: it changes faster than it can be read
            views.append({document: generations(found, document) for document in documents})

    async def rewrite() -> None:
        generation = 1
        while len(views) < 5:
            generation += 1
            for document in documents:
                await index(chunks, generation, document)

    async with asyncio.timeout(60):
        await asyncio.gather(read(), rewrite())
    for view in views:
        assert all(len(found) == 3 and len(set(found)) == 1 for found in view.values())


async def test_a_sweep_beside_a_writer_never_takes_a_document_off_the_list_too_early(
    fake: FakeCosmos, chunks: CosmosChunks
) -> None:
    await index(chunks, 1)
    await write(chunks, 2, count=1)
    await chunks.publish("t", "s", "d", 2)
    leaving = fake.faults.hold(lambda request: request.kind == "batch" and b'"/left"' in request.raw)
    sweeping = asyncio.create_task(chunks.sweep("t", "s", "d"))
    await leaving.reached.wait()
    await write(chunks, 3)
    leaving.released.set()
    assert await sweeping == 3
    assert generations(await search(chunks)) == [2]


async def test_a_generation_that_is_published_again_while_it_is_swept_is_kept(
    fake: FakeCosmos, chunks: CosmosChunks
) -> None:
    await write(chunks, 1)
    await chunks.retire("t", "s", "d", 1)
    deleting = fake.faults.hold(lambda request: request.kind == "batch" and b"Delete" in request.raw)
    sweeping = asyncio.create_task(chunks.sweep("t", "s", "d"))
    await deleting.reached.wait()
    await chunks.publish("t", "s", "d", 1)
    deleting.released.set()
    assert await sweeping == 0
    assert generations(await search(chunks)) == [1, 1, 1]


async def test_a_settled_store_lists_no_document_as_moving(fake: FakeCosmos, chunks: CosmosChunks) -> None:
    for generation in (1, 2):
        for document in ("a", "b"):
            await index(chunks, generation, document)
    await chunks.retire("t", "s", "a", 3)
    await chunks.sweep("t", "s", "a")
    (item,) = [item for item in fake.items("chunks") if item["kind"] == "visibility"]
    assert item["moving"] == {}


async def test_dropping_a_store_leaves_nothing_even_when_another_drops_it_too(
    fake: FakeCosmos, chunks: CosmosChunks
) -> None:
    await index(chunks, 1, count=230)
    hold = fake.faults.hold(lambda request: request.kind == "batch" and b"Delete" in request.raw)
    dropping = asyncio.create_task(chunks.drop_store("t", "s"))
    await hold.reached.wait()
    await chunks.drop_store("t", "s")
    hold.released.set()
    await dropping
    assert [item for item in fake.items("chunks") if item["kind"] != "model"] == []


async def test_two_that_enter_the_first_document_at_once_both_get_in(fake: FakeCosmos, chunks: CosmosChunks) -> None:
    await asyncio.gather(*(write(chunks, 1, document) for document in "abcde"), write(chunks, 1, "a"))
    fake.faults.script(Fault(408, after_commit=True), when=lambda request: request.kind == "create")
    for document in "abcde":
        await chunks.publish("t", "s", document, 1)
    found = await search(chunks)
    assert {hit.document_id for hit, _ in found.by_vector} == set("abcde")
