"""A change of the embedding model, on every store: searched all the while, killed half-way, changed under its feet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.cosmos.containers import CONTAINERS
from shared.adapters.memory.cache import MemoryEmbeddingCache
from shared.adapters.memory.chunks import MemoryChunks
from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.records import MemoryRecords
from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.errors import PlatformError
from shared.ports.chunks import Chunk, Chunks
from shared.ports.keys import Caller
from shared.ports.models import Embeddings
from shared.ports.records import (
    CursorRecord,
    DocumentRecord,
    IndexRecord,
    TenantRecord,
    VectorStoreRecord,
)
from shared.ports.usage import Source
from shared.retrieval.embedding import EmbeddingSpace, PassageEmbedder
from shared.retrieval.embedding_change import EmbeddingChange
from shared.retrieval.indexes import Index, LiveIndex, LiveSearch, WrittenChunks
from shared.retrieval.lifetimes import Lifetimes
from shared.retrieval.migration import Migration
from shared.retrieval.search import Searcher
from shared.retrieval.tenants import Tenants
from tests.cosmos.fake import FakeCosmos
from tests.cosmos.worlds import account as opened
from tests.unit.retrieval.world import CALLER, TENANT, Fuse, Fused, Killed

OLD, NEW = EmbeddingSpace("old", 4), EmbeddingSpace("new", 6)


class Letters:
    """Counts letters into so many dimensions; a model of its own for each number of them."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.texts: list[str] = []

    async def embed(self, caller: Caller, texts: Sequence[str], *, source: Source) -> Embeddings:
        del caller, source
        self.texts += texts
        return Embeddings(tuple(self._vector(text) for text in texts), len(texts))

    def _vector(self, text: str) -> tuple[float, ...]:
        counts = [1.0] * self.dimensions
        for letter in text:
            counts[ord(letter) % self.dimensions] += 1
        length = sum(count * count for count in counts) ** 0.5
        return tuple(count / length for count in counts)


@dataclass
class Place:
    """Two indexes and what lies around them. Each `process` sees the settings of its own time."""

    old: Chunks
    new: Chunks
    clock: ManualClock = field(default_factory=ManualClock)
    documents: Any = field(default_factory=lambda: MemoryRecords(DocumentRecord))
    stores: Any = field(default_factory=lambda: MemoryRecords(VectorStoreRecord))
    tenants: Any = field(default_factory=lambda: MemoryRecords(TenantRecord))
    cursors: Any = field(default_factory=lambda: MemoryRecords(CursorRecord))
    live: Any = field(default_factory=lambda: MemoryRecords(IndexRecord))
    letters: dict[str, Letters] = field(default_factory=lambda: {"old": Letters(4), "new": Letters(6)})
    cache: MemoryEmbeddingCache = field(init=False)

    def __post_init__(self) -> None:
        self.cache = MemoryEmbeddingCache(self.clock)

    def index(self, space: EmbeddingSpace) -> Index:
        chunks = self.old if space is OLD else self.new
        return Index(chunks, PassageEmbedder(self.letters[space.model], self.cache, space))

    def process(self, *spaces: EmbeddingSpace) -> "Process":
        """The first is the settings' model, the second, if any, the next one."""
        live = LiveIndex(self.live, self.clock, [space.name for space in spaces])
        lifetimes = Lifetimes(self.stores, self.clock)
        searchers = {
            space.name: Searcher(lifetimes, self.index(space).chunks, self.letters[space.model]) for space in spaces
        }
        first, *rest = [self.index(space) for space in spaces]
        written = WrittenChunks(live, first.chunks, rest[0] if rest else None)
        return Process(self, live, written, LiveSearch(live, searchers))

    def migration(self, fuse: Fuse | None = None, **options: Any) -> Migration:
        target = self.index(NEW)
        if fuse is not None:
            fused: Any = Fused(target.chunks, fuse)
            target = replace(target, chunks=fused)
        live = LiveIndex(self.live, self.clock, [OLD.name, NEW.name])
        return Migration(
            self.cursors, Tenants(self.tenants), self.documents, live, self.old, target, self.clock, **options
        )

    async def migrate(self) -> None:
        """As the timer does, until it is done."""
        for _ in range(5):
            await self.migration(page=2).run()
            self.clock.advance(1000)


@dataclass
class Process:
    place: Place
    live: LiveIndex
    chunks: WrittenChunks
    searching: LiveSearch

    async def index(self, name: str, text: str, generation: int) -> None:
        """What indexing does to chunks, and to records, for a document of two chunks."""
        record = DocumentRecord(
            f"s:{name}", TENANT, "s", name, f"{name}.txt", "files", name, self.place.clock.now(), "ready"
        )
        if generation == 1:
            await self.place.documents.create(record)
        texts = [f"{text} {name} one", f"{text} {name} two"]
        vectors = (await self.place.letters["old"].embed(CALLER, texts, source="indexing")).vectors
        await self.chunks.put(
            [chunk(name, generation, i, text, vectors[i]) for i, text in enumerate(texts)],
        )
        await self.chunks.publish(TENANT, "s", f"s:{name}", generation)
        await self.chunks.sweep(TENANT, "s", f"s:{name}")

    async def found(self, query: str = "apple pear") -> list[str]:
        passages = await self.searching.search(CALLER, ["s"], query, limit=50)
        return sorted({passage.filename.removesuffix(".txt") for passage in passages})


def chunk(name: str, generation: int, ordinal: int, text: str, vector: tuple[float, ...]) -> Chunk:
    return Chunk(
        id=f"{name}-{generation}-{ordinal}",
        tenant=TENANT,
        store_id="s",
        document_id=f"s:{name}",
        file_id=name,
        filename=f"{name}.txt",
        generation=generation,
        ordinal=ordinal,
        text=text,
        embedding=vector,
        tokens=3,
        char_start=0,
        char_end=len(text),
    )


@pytest.fixture(params=["memory", "sqlite", "cosmos"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    match request.param:
        case "memory":
            yield await furnished(Place(MemoryChunks(dimensions=4), MemoryChunks(dimensions=6)))
        case "sqlite":
            databases = [SqliteDatabase(tmp_path / name) for name in ("store.db", "store.new.db")]
            old = SqliteChunks(databases[0], dimensions=4, embedding_model="old")
            new = SqliteChunks(databases[1], dimensions=6, embedding_model="new")
            yield await furnished(Place(old, new))
            for database in databases:
                await database.close()
        case _:
            async with FakeCosmos(containers()) as fake, opened(fake) as account:
                old = CosmosChunks(account, dimensions=4, embedding_model="old")
                new = CosmosChunks(account, dimensions=6, embedding_model="new", container="chunks-new")
                yield await furnished(Place(old, new))


def containers() -> list[dict[str, object]]:
    passages = next(one for one in CONTAINERS if one.has_passages)
    return [dict(passages.definition(4)), {**passages.definition(6), "id": "chunks-new"}]


async def furnished(place: Place) -> Place:
    """Five documents in a store, indexed by a release that knows of one model."""
    await place.stores.create(VectorStoreRecord("s", TENANT, "s", place.clock.now()))
    await Tenants(place.tenants).enter(TENANT)
    process = place.process(OLD)
    for name in "abcde":
        await process.index(name, "apple pear", 1)
    return place


async def test_the_next_index_answers_once_everything_is_in_it_and_no_search_misses_anything(place: Place) -> None:
    process, answers = place.process(OLD, NEW), list[list[str]]()
    searching = asyncio.Event()

    async def ask() -> None:
        while not searching.is_set():
            answers.append(await process.found())

    asking = asyncio.create_task(ask())
    await place.migrate()
    place.clock.advance(10)
    assert await process.live.name() == NEW.name
    last = await process.found()
    searching.set()
    await asking
    assert last == list("abcde")
    assert answers
    assert all(answer == list("abcde") for answer in answers)
    assert [len(await place.new.list(TENANT, "s", f"s:{name}")) for name in "abcde"] == [2] * 5


async def test_how_the_change_stands_is_told_from_before_the_first_run_until_the_next_index_answers(
    place: Place,
) -> None:
    live = place.process(OLD, NEW).live
    change = EmbeddingChange(live, place.cursors, OLD, NEW, overlap_s=900)
    alone = EmbeddingChange(place.process(OLD).live, place.cursors, OLD, None, overlap_s=900)
    assert [(await one.standing()).status for one in (alone, change)] == ["unchanged", "waiting"]
    began = int(place.clock.now().timestamp())
    await place.migration(page=2, budget_s=0).run()
    carrying = await change.standing()
    assert (carrying.status, carrying.model, carrying.next_model) == ("carrying", "old", "new")
    assert (carrying.carried_documents, carrying.began_at, carrying.switches_after) == (5, began, began + 900)
    elsewhere = EmbeddingChange(live, place.cursors, OLD, EmbeddingSpace("third", 6), overlap_s=900)
    assert (await elsewhere.standing()).status == "waiting"
    await place.migrate()
    place.clock.advance(10)
    switched = await change.standing()
    assert (switched.status, switched.model, switched.dimensions) == ("switched", "new", 6)
    assert switched.carried_documents == 5


async def test_killed_at_every_step_it_ends_the_same_and_embeds_nothing_twice(place: Place) -> None:
    steps, process = 0, place.process(OLD, NEW)
    while await process.live.name() == OLD.name:
        try:
            await place.migration(Fuse(steps=steps), page=1).run()
        except Killed:
            steps += 3
        assert await process.found() == list("abcde")
        place.clock.advance(1000)
    assert steps > 3
    assert await process.found() == list("abcde")
    embedded = [text for text in place.letters["new"].texts if text != "apple pear"]
    assert sorted(embedded) == sorted(set(embedded)), "the cache keeps what was embedded"


async def test_what_changes_meanwhile_changes_in_both(place: Place) -> None:
    process = place.process(OLD, NEW)
    await place.migration(page=2, budget_s=0).run()
    for name in "ae":
        await process.index(name, "quince", 2)
    await process.chunks.retire(TENANT, "s", "s:b", 2)
    await process.index("f", "apple pear", 1)
    await place.migrate()
    place.clock.advance(10)
    assert await process.live.name() == NEW.name
    for name, texts in (("a", "quince a one"), ("b", None), ("d", "apple pear d one"), ("f", "apple pear f one")):
        found = [one.text for one in await place.new.list(TENANT, "s", f"s:{name}")]
        assert found[:1] == ([] if texts is None else [texts])


async def test_what_a_process_with_older_settings_changes_is_carried_before_the_switch(place: Place) -> None:
    older = place.process(OLD)
    await place.migration(page=2).run()
    await older.index("a", "quince", 2)
    await older.chunks.retire(TENANT, "s", "s:b", 2)
    assert await older.live.name() == OLD.name, "the first round is never the one that decides"
    await place.migrate()
    assert [one.text for one in await place.new.list(TENANT, "s", "s:a")] == ["quince a one", "quince a two"]
    assert list(await place.new.list(TENANT, "s", "s:b")) == []
    place.clock.advance(10)
    assert await place.process(OLD, NEW).live.name() == NEW.name


async def test_while_one_document_cannot_be_carried_the_old_index_answers(place: Place) -> None:
    place.letters["new"].dimensions = 5
    await place.migrate()
    process = place.process(OLD, NEW)
    assert await process.live.name() == OLD.name
    assert await process.found() == list("abcde")
    with pytest.raises(PlatformError, match="gave a vector of 5 dimensions; FLIGHTDECK_MODELS says 6") as refused:
        await process.index("f", "apple pear", 1)
    assert refused.value.code == "embedding_model_mismatch"
    place.letters["new"].dimensions = 6
    await place.migrate()
    place.clock.advance(10)
    assert await process.live.name() == NEW.name


async def test_settings_that_do_not_name_the_model_that_answers_are_refused(place: Place) -> None:
    await place.migrate()
    older = place.process(OLD)
    with pytest.raises(PlatformError, match=r"'embeddings new 6'.*FLIGHTDECK_EMBEDDING_MODEL") as refused:
        await older.found()
    assert refused.value.code == "embedding_model_mismatch"
    with pytest.raises(PlatformError, match="Change the embedding model"):
        await older.index("g", "apple", 1)
    promoted = place.process(NEW)
    assert await promoted.found() == list("abcde")


async def test_two_runs_at_once_do_no_harm(place: Place) -> None:
    for _ in range(5):
        await asyncio.gather(place.migration(page=1).run(), place.migration(page=1).run())
        place.clock.advance(1000)
    assert await place.process(OLD, NEW).found() == list("abcde")
    assert await place.process(OLD, NEW).live.name() == NEW.name


async def test_where_nothing_is_stored_the_switch_is_made_as_well() -> None:
    place = Place(MemoryChunks(dimensions=4), MemoryChunks(dimensions=6))
    await place.migrate()
    assert await place.process(OLD, NEW).live.name() == NEW.name


async def test_after_the_switch_nothing_is_walked_any_more(place: Place) -> None:
    await place.migrate()
    before = (await place.cursors.get("_system", "migrate_embeddings")).etag
    await place.migrate()
    assert (await place.cursors.get("_system", "migrate_embeddings")).etag == before


async def test_two_indexes_read_as_the_first_and_are_dropped_as_one(place: Place) -> None:
    process = place.process(OLD, NEW)
    await process.index("a", "quince", 2)
    assert await process.chunks.standing(TENANT, "s", "s:a") == await place.old.standing(TENANT, "s", "s:a")
    assert await place.new.standing(TENANT, "s", "s:a") == await place.old.standing(TENANT, "s", "s:a")
    assert list(await process.chunks.unswept(TENANT, "s")) == []
    listed = await process.chunks.list(TENANT, "s", "s:a")
    assert [len(one.embedding) for one in listed] == [OLD.dimensions] * 2
    found = await process.chunks.search(TENANT, "s", vector=listed[0].embedding, text="quince", principals=(), limit=1)
    assert found.by_vector[0][0].document_id == "s:a"
    await process.chunks.drop_store(TENANT, "s")
    for chunks in (place.old, place.new):
        assert list(await chunks.list(TENANT, "s", "s:a")) == []
