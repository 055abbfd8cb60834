"""What every `Chunks` adapter promises about writing, generations and sweeping. Searching: test_chunk_search."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.memory.chunks import MemoryChunks
from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.errors import InvalidRequestError, TooLargeError
from shared.ports.chunks import Candidates, Chunks, Standing
from shared.ports.records import MAX_RECORD_BYTES
from tests.contracts.stores import DIMENSIONS, X, Y, chunk
from tests.cosmos.worlds import STORES


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=STORES)
def chunks(request: pytest.FixtureRequest) -> Chunks:
    if request.param == "memory":
        return MemoryChunks(dimensions=DIMENSIONS)
    if request.param.startswith("cosmos"):
        return CosmosChunks(
            request.getfixturevalue("cosmos").under(request.param), dimensions=DIMENSIONS, embedding_model="test"
        )
    return SqliteChunks(request.getfixturevalue("database"), dimensions=DIMENSIONS, embedding_model="test")


async def find(chunks: Chunks, tenant: str = "t", store: str = "s") -> Candidates:
    return await chunks.search(tenant, store, vector=X, text="words", principals=(), limit=100)


async def seen(chunks: Chunks, tenant: str = "t", store: str = "s", document: str = "d") -> list[str]:
    """The ids that the list and both searches agree upon."""
    candidates = await find(chunks, tenant, store)
    by_vector = {hit.id for hit, _ in candidates.by_vector if hit.document_id == document}
    assert by_vector == {hit.id for hit, _ in candidates.by_text if hit.document_id == document}
    listed = [hit.id for hit in await chunks.list(tenant, store, document)]
    assert by_vector == set(listed)
    return listed


async def write(chunks: Chunks, generation: int, *names: str, document: str = "d") -> None:
    """A generation of a document: one chunk for each name."""
    await chunks.put(
        [chunk(name, generation=generation, ordinal=place, document_id=document) for place, name in enumerate(names)]
    )


class TestWriting:
    async def test_a_chunk_comes_back_as_it_was_written(self, chunks: Chunks) -> None:
        whole = chunk(
            "c",
            "Grüße, 世界 🙂 \0 'quoted' \"twice\"",
            embedding=(0.5, -0.25, 0.0, 8.0),
            page_start=3,
            page_end=4,
            headings=("One", "Two"),
            attributes={"name": "Grüße \0 'x'", "year": 2024.0, "big": 1e300, "draft": True, "1": "1"},
        )
        await chunks.put([whole])
        await chunks.publish("t", "s", "d", 1)
        assert list(await chunks.list("t", "s", "d")) == [whole]
        (hit,) = (await find(chunks)).by_vector
        assert hit[0] == whole

    async def test_what_is_not_published_is_not_seen(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a")
        assert await seen(chunks) == []

    async def test_chunks_are_listed_in_order_whatever_the_order_of_writing(self, chunks: Chunks) -> None:
        for ordinal in (2, 0, 11, 1):
            await chunks.put([chunk(f"c{ordinal}", ordinal=ordinal)])
        await chunks.publish("t", "s", "d", 1)
        assert await seen(chunks) == ["c0", "c1", "c2", "c11"]

    async def test_writing_the_same_chunks_again_changes_nothing(self, chunks: Chunks) -> None:
        for _ in range(3):
            await write(chunks, 1, "a", "b")
        await chunks.publish("t", "s", "d", 1)
        await write(chunks, 1, "a", "b")
        assert await seen(chunks) == ["a", "b"]
        assert [hit.id for hit, _ in (await find(chunks)).by_text].count("a") == 1

    async def test_a_chunk_written_again_takes_the_place_of_its_former_self(self, chunks: Chunks) -> None:
        await chunks.put([chunk("c", "former", embedding=Y)])
        await chunks.publish("t", "s", "d", 1)
        await chunks.put([chunk("c", "present", acl=("boss",))])
        (listed,) = await chunks.list("t", "s", "d")
        assert (listed.text, listed.embedding) == ("present", X)
        for text, principals, expected in (("former", ["boss"], 0), ("present", [], 0), ("present", ["boss"], 1)):
            found = await chunks.search("t", "s", vector=X, text=text, principals=principals, limit=9)
            assert len(found.by_text) == expected
            assert len(found.by_vector) == len(principals)

    async def test_writing_nothing_is_fine(self, chunks: Chunks) -> None:
        await chunks.put([])
        assert await seen(chunks) == []

    @pytest.mark.parametrize("other", [{"generation": 2}, {"document_id": "e"}, {"tenant": "u"}, {"store_id": "r"}])
    async def test_one_call_writes_one_generation_of_one_document(
        self, chunks: Chunks, other: dict[str, object]
    ) -> None:
        with pytest.raises(InvalidRequestError):
            await chunks.put([chunk("a"), chunk("b", **other)])

    @pytest.mark.parametrize("embedding", [(), (1.0,) * 3, (1.0,) * 5])
    async def test_a_foreign_dimension_is_refused_and_nothing_is_written(
        self, chunks: Chunks, embedding: tuple[float, ...]
    ) -> None:
        with pytest.raises(InvalidRequestError, match="dimensions"):
            await chunks.put([chunk("a"), chunk("b", embedding=embedding)])
        with pytest.raises(InvalidRequestError, match="dimensions"):
            await chunks.search("t", "s", vector=embedding, text="", principals=(), limit=1)
        await chunks.publish("t", "s", "d", 1)
        assert await seen(chunks) == []

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e300])
    async def test_an_embedding_of_what_is_no_number_is_refused(self, chunks: Chunks, number: float) -> None:
        with pytest.raises(InvalidRequestError, match="32 bits"):
            await chunks.put([chunk("a", embedding=(number, 0.0, 0.0, 0.0))])

    async def test_a_chunk_over_two_megabytes_is_refused(self, chunks: Chunks) -> None:
        with pytest.raises(TooLargeError):
            await chunks.put([chunk("a", "x" * (MAX_RECORD_BYTES + 1))])

    async def test_half_a_surrogate_pair_is_refused_as_the_callers_mistake(self, chunks: Chunks) -> None:
        with pytest.raises(InvalidRequestError):
            await chunks.put([chunk("a", "\ud800")])


class TestGenerations:
    async def test_publishing_swaps_the_whole_document(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a1", "b1")
        assert await chunks.publish("t", "s", "d", 1)
        await write(chunks, 2, "a2")
        assert await seen(chunks) == ["a1", "b1"]
        assert await chunks.publish("t", "s", "d", 2)
        assert await seen(chunks) == ["a2"]

    async def test_publishing_again_is_fine(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a")
        assert [await chunks.publish("t", "s", "d", 1) for _ in range(2)] == [True, True]
        assert await seen(chunks) == ["a"]

    async def test_a_run_that_was_overtaken_publishes_nothing(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a1")
        await write(chunks, 2, "a2")
        assert await chunks.publish("t", "s", "d", 2)
        assert not await chunks.publish("t", "s", "d", 1)
        assert await seen(chunks) == ["a2"]

    async def test_a_retired_document_is_not_seen(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a")
        await chunks.publish("t", "s", "d", 1)
        assert await chunks.retire("t", "s", "d", 2)
        assert await seen(chunks) == []

    async def test_a_late_publish_does_not_bring_a_retired_document_back(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a")
        assert await chunks.retire("t", "s", "d", 2)
        assert not await chunks.publish("t", "s", "d", 1)
        assert await seen(chunks) == []

    async def test_a_late_retirement_does_not_hide_a_newer_generation(self, chunks: Chunks) -> None:
        await write(chunks, 3, "a")
        await chunks.publish("t", "s", "d", 3)
        assert not await chunks.retire("t", "s", "d", 2)
        assert await seen(chunks) == ["a"]

    async def test_a_newer_generation_is_seen_after_a_retirement(self, chunks: Chunks) -> None:
        await chunks.retire("t", "s", "d", 1)
        await write(chunks, 2, "a")
        assert await chunks.publish("t", "s", "d", 2)
        assert await seen(chunks) == ["a"]

    async def test_retiring_the_visible_generation_itself_hides_it(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a")
        await chunks.publish("t", "s", "d", 1)
        assert await chunks.retire("t", "s", "d", 1)
        assert await seen(chunks) == []

    async def test_an_empty_generation_makes_the_document_empty(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a")
        await chunks.publish("t", "s", "d", 1)
        assert await chunks.publish("t", "s", "d", 2)
        assert await seen(chunks) == []

    async def test_chunks_that_arrive_after_their_generation_was_published_are_seen(self, chunks: Chunks) -> None:
        await chunks.publish("t", "s", "d", 1)
        await write(chunks, 1, "a")
        assert await seen(chunks) == ["a"]

    async def test_chunks_of_an_overtaken_generation_are_never_seen(self, chunks: Chunks) -> None:
        await chunks.publish("t", "s", "d", 2)
        await chunks.sweep("t", "s", "d")
        await write(chunks, 1, "a")
        assert await seen(chunks) == []

    async def test_one_document_does_not_move_another(self, chunks: Chunks) -> None:
        for document in ("d", "e"):
            await write(chunks, 1, f"{document}1", document=document)
            await chunks.publish("t", "s", document, 1)
        await chunks.retire("t", "s", "d", 5)
        await chunks.sweep("t", "s", "d")
        assert await seen(chunks, document="e") == ["e1"]
        assert await seen(chunks) == []

    async def test_of_many_publishers_at_once_the_newest_stays(self, chunks: Chunks) -> None:
        for generation in range(1, 9):
            await write(chunks, generation, f"g{generation}")
        await asyncio.gather(*(chunks.publish("t", "s", "d", generation) for generation in (3, 8, 1, 5, 2, 7, 4, 6)))
        assert await seen(chunks) == ["g8"]

    async def test_how_a_document_stands_is_known(self, chunks: Chunks) -> None:
        async def standing() -> Standing:
            return await chunks.standing("t", "s", "d")

        assert await standing() == Standing(None, None)
        await write(chunks, 1, "a")
        assert await standing() == Standing(None, None)
        await chunks.publish("t", "s", "d", 1)
        assert await standing() == Standing(1, 1)
        await write(chunks, 2, "b")
        await chunks.retire("t", "s", "d", 3)
        assert await standing() == Standing(3, None)
        await chunks.sweep("t", "s", "d")
        assert await standing() == Standing(3, None)
        await chunks.publish("t", "s", "d", 4)
        assert await standing() == Standing(4, 4)
        await chunks.drop_store("t", "s")
        assert await standing() == Standing(None, None)


class TestSweeping:
    async def test_older_generations_are_deleted_and_counted(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a1", "b1")
        await write(chunks, 2, "a2")
        await write(chunks, 3, "a3", "b3", "c3")
        await chunks.publish("t", "s", "d", 3)
        assert await chunks.sweep("t", "s", "d") == 3
        assert await chunks.sweep("t", "s", "d") == 0
        assert await seen(chunks) == ["a3", "b3", "c3"]

    async def test_a_generation_that_is_still_being_written_is_kept(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a1")
        await chunks.publish("t", "s", "d", 1)
        await write(chunks, 2, "a2")
        assert await chunks.sweep("t", "s", "d") == 0
        await chunks.publish("t", "s", "d", 2)
        assert await seen(chunks) == ["a2"]

    async def test_before_anything_is_published_nothing_is_swept(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a1")
        assert await chunks.sweep("t", "s", "d") == 0
        await chunks.publish("t", "s", "d", 1)
        assert await seen(chunks) == ["a1"]

    async def test_a_retired_documents_own_chunks_are_swept_and_it_stays_retired(self, chunks: Chunks) -> None:
        await write(chunks, 1, "a1")
        await write(chunks, 2, "a2", "b2")
        await chunks.publish("t", "s", "d", 2)
        await chunks.retire("t", "s", "d", 2)
        assert await chunks.sweep("t", "s", "d") == 3
        assert not await chunks.publish("t", "s", "d", 1)
        assert await seen(chunks) == []

    async def test_stragglers_of_a_swept_generation_are_swept_next_time(self, chunks: Chunks) -> None:
        await chunks.retire("t", "s", "d", 2)
        await chunks.sweep("t", "s", "d")
        await write(chunks, 2, "late")
        await write(chunks, 1, "later")
        assert await chunks.sweep("t", "s", "d") == 2

    async def test_a_document_that_nobody_knows_has_nothing_to_sweep(self, chunks: Chunks) -> None:
        assert await chunks.sweep("t", "s", "nobody") == 0

    async def test_what_may_be_swept_is_known_until_it_is(self, chunks: Chunks) -> None:
        for document in ("d", "e"):
            await write(chunks, 1, f"{document}1", document=document)
            await chunks.publish("t", "s", document, 1)
            await chunks.sweep("t", "s", document)
        assert list(await chunks.unswept("t", "s")) == []
        await write(chunks, 2, "d2")
        assert list(await chunks.unswept("t", "s")) == ["d"]
        await chunks.publish("t", "s", "d", 2)
        await chunks.retire("t", "s", "e", 2)
        assert sorted(await chunks.unswept("t", "s")) == ["d", "e"]
        assert list(await chunks.unswept("t", "r")) == []
        for document in ("d", "e"):
            await chunks.sweep("t", "s", document)
        assert list(await chunks.unswept("t", "s")) == []


class TestStores:
    async def test_dropping_a_store_deletes_everything_of_it_and_nothing_else(self, chunks: Chunks) -> None:
        for store in ("s", "r"):
            await chunks.put([chunk("a", store_id=store, acl=("x",)), chunk("b", store_id=store)])
            await chunks.publish("t", store, "d", 1)
        await chunks.drop_store("t", "s")
        for store, expected in (("s", []), ("r", ["a", "b"])):
            found = await chunks.search("t", store, vector=X, text="words", principals=["x"], limit=9)
            assert sorted(hit.id for hit, _ in found.by_vector) == expected
            assert sorted(hit.id for hit, _ in found.by_text) == expected
            assert sorted(hit.id for hit in await chunks.list("t", store, "d")) == expected

    async def test_a_store_may_be_dropped_twice_and_used_anew(self, chunks: Chunks) -> None:
        await write(chunks, 5, "a")
        await chunks.publish("t", "s", "d", 5)
        await chunks.drop_store("t", "s")
        await chunks.drop_store("t", "s")
        await write(chunks, 1, "a", "b")
        assert await chunks.publish("t", "s", "d", 1)
        assert await seen(chunks) == ["a", "b"]


class TestTenants:
    async def test_two_tenants_with_the_same_ids_never_meet(self, chunks: Chunks) -> None:
        mine = chunk("c", "words of mine")
        for one in (mine, replace(mine, tenant="u", text="words of theirs")):
            await chunks.put([one])
            await chunks.publish(one.tenant, "s", "d", 1)
        assert [hit.text for hit in await chunks.list("t", "s", "d")] == ["words of mine"]
        for tenant in ("t", "u"):
            candidates = await find(chunks, tenant)
            assert {hit.tenant for hit, _ in candidates.by_vector + candidates.by_text} == {tenant}

    @pytest.mark.parametrize(("tenant", "store"), [("u", "s"), ("t", "r")])
    async def test_no_call_reaches_into_another_tenant_or_store(self, chunks: Chunks, tenant: str, store: str) -> None:
        for owner, place in (("t", "s"), (tenant, store)):
            for generation in (1, 2):
                await chunks.put([chunk(f"g{generation}", tenant=owner, store_id=place, generation=generation)])
        await chunks.publish("t", "s", "d", 1)
        assert await seen(chunks, tenant, store) == []
        await chunks.publish(tenant, store, "d", 2)
        assert await seen(chunks) == ["g1"]
        assert await chunks.sweep(tenant, store, "d") == 1
        await chunks.retire(tenant, store, "d", 3)
        assert await seen(chunks) == ["g1"]
        await chunks.drop_store(tenant, store)
        assert await seen(chunks) == ["g1"]

    @pytest.mark.parametrize("separator", ["|", "/", ":", "\0", "'", '"', " ", "%", "\\"])
    async def test_separators_in_names_do_not_join_partitions(self, chunks: Chunks, separator: str) -> None:
        await chunks.put([chunk("c", tenant="a", store_id=f"b{separator}c")])
        await chunks.publish("a", f"b{separator}c", "d", 1)
        assert await seen(chunks, "a", f"b{separator}c") == ["c"]
        for tenant, store in ((f"a{separator}b", "c"), ("a", "b"), ("a", "c"), ("a", f"b{separator}")):
            assert await seen(chunks, tenant, store) == []
