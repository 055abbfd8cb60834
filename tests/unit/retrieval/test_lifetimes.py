"""Vector stores that expire, are changed, and are filled in batches."""

from datetime import timedelta

import pytest
from openai.types import VectorStore
from openai.types.vector_stores import VectorStoreFile, VectorStoreFileBatch

from shared.errors import InvalidRequestError, NotFoundError
from shared.ports.keys import Caller
from shared.retrieval.extraction.document import Cut
from shared.wire.filters import SearchFilter
from shared.wire.vector_stores import (
    AttachBody,
    AttachedFileQuery,
    AttributesBody,
    ExpiresAfter,
    FileBatchBody,
    SearchBody,
    StaticChunking,
    StaticSize,
    VectorStoreBody,
    VectorStoreChanges,
)
from tests.unit.retrieval.world import CALLER, TENANT, World

STRANGER = Caller("zeta", "key-2")
HALVES = StaticChunking(static=StaticSize(max_chunk_size_tokens=200, chunk_overlap_tokens=100))


async def filled(world: World, *contents: str, **fields: object) -> tuple[str, list[str]]:
    file_ids = [(await world.upload(content, f"{n}.txt")).id for n, content in enumerate(contents)]
    body = VectorStoreBody.model_validate({"name": "kb", "file_ids": file_ids, **fields})
    store = await world.services.vector_stores.create(CALLER, body)
    await world.settle()
    return store.id, file_ids


def days(count: float) -> float:
    return timedelta(days=count).total_seconds()


class TestExpiry:
    async def test_a_store_expires_so_many_days_after_it_was_last_searched(self) -> None:
        world = World()
        store_id, _ = await filled(world, "some text", expires_after={"anchor": "last_active_at", "days": 2})
        stores = world.services.vector_stores
        world.clock.advance(days(1.5))
        await stores.search(CALLER, store_id, SearchBody(query="text"))
        world.clock.advance(days(1.5))
        seen = VectorStore.model_validate_json((await stores.retrieve(CALLER, store_id)).model_dump_json())
        assert (seen.status, seen.expires_at) == ("completed", (seen.last_active_at or 0) + days(2))
        assert seen.expires_after is not None
        world.clock.advance(days(1))
        assert (await stores.retrieve(CALLER, store_id)).status == "expired"

    async def test_what_has_expired_is_refused_and_can_still_be_deleted(self) -> None:
        world = World()
        store_id, (file_id,) = await filled(world, "some text", expires_after={"days": 1})
        world.clock.advance(days(1))
        stores, attachments = world.services.vector_stores, world.services.attachments
        for call in (
            stores.search(CALLER, store_id, SearchBody(query="text")),
            stores.update(CALLER, store_id, VectorStoreChanges(expires_after=None)),
            attachments.attach(CALLER, store_id, AttachBody(file_id=file_id)),
            world.services.file_batches.create(CALLER, store_id, FileBatchBody(file_ids=[file_id])),
        ):
            with pytest.raises(InvalidRequestError, match=f"{store_id!r} has expired") as refused:
                await call
            assert refused.value.code == "vector_store_expired"
        await stores.delete(CALLER, store_id)
        with pytest.raises(NotFoundError):
            await stores.retrieve(CALLER, store_id)

    async def test_the_timer_takes_out_what_an_expired_store_holds(self) -> None:
        world = World()
        store_id, _ = await filled(world, "some text", expires_after={"days": 1})
        world.clock.advance(days(1))
        for _ in range(2):
            await world.services.rounds.run()
        await world.settle()
        assert (await world.only_document()).state == "deleted"
        seen = await world.services.vector_stores.retrieve(CALLER, store_id)
        assert (seen.status, seen.usage_bytes, seen.file_counts.total) == ("expired", 0, 0)

    async def test_a_store_that_is_searched_all_day_is_written_once_an_hour(self) -> None:
        world = World()
        store_id, _ = await filled(world, "some text")
        world.clock.advance(3600)
        etags: set[str] = set()
        for _ in range(4):
            await world.services.vector_stores.search(CALLER, store_id, SearchBody(query="text"))
            etags.add((await world.stores.get(TENANT, store_id)).etag)
            world.clock.advance(60)
        assert len(etags) == 1


class TestChanges:
    async def test_what_is_left_out_stays_and_null_takes_away(self) -> None:
        world = World()
        store_id, _ = await filled(world, metadata={"a": "b"}, description="old", expires_after={"days": 3})
        stores = world.services.vector_stores
        seen = await stores.update(CALLER, store_id, VectorStoreChanges(name="new name"))
        assert (seen.name, seen.description, seen.metadata) == ("new name", "old", {"a": "b"})
        assert seen.expires_after == ExpiresAfter(days=3)
        seen = await stores.update(CALLER, store_id, VectorStoreChanges(metadata=None, expires_after=None))
        assert (seen.name, seen.metadata, seen.expires_after, seen.expires_at) == ("new name", {}, None, None)
        with pytest.raises(NotFoundError):
            await stores.update(STRANGER, store_id, VectorStoreChanges(name="mine"))

    async def test_a_renamed_store_is_fed_by_both_folders_until_it_is_deleted(self) -> None:
        world = World()
        store_id, _ = await filled(world)
        await world.services.vector_stores.update(CALLER, store_id, VectorStoreChanges(name="new"))
        await world.drop("acme/kb/old.txt", "old text")
        await world.drop("acme/new/new.txt", "new text")
        await world.settle()
        assert sorted(await world.texts(store_id)) == ["new text", "old text"]
        await world.services.vector_stores.delete(CALLER, store_id)
        assert (await world.folders.list(TENANT)).items == ()

    async def test_attributes_are_replaced_and_found_by_while_the_file_is_indexed_anew(self) -> None:
        world = World()
        store_id, (file_id,) = await filled(world, "some text")
        body = AttributesBody(attributes={"year": 2024})
        await world.services.attachments.update(CALLER, store_id, file_id, body)
        assert await world.texts(store_id) == ["some text"]
        await world.settle()
        query = SearchBody(query="text", filters=SearchFilter(type="eq", key="year", value=2024))
        (found,) = (await world.services.vector_stores.search(CALLER, store_id, query)).data
        assert found.attributes == {"year": 2024}
        with pytest.raises(NotFoundError):
            await world.services.attachments.update(STRANGER, store_id, file_id, body)


class TestChunking:
    async def test_a_file_is_cut_as_it_was_asked_for_and_says_so(self) -> None:
        world = World()
        store_id, (file_id,) = await filled(world, "some text", chunking_strategy=HALVES)
        assert world.reader.cuts[-1] == Cut(200, 100)
        seen = await world.services.attachments.retrieve(CALLER, store_id, file_id)
        read = VectorStoreFile.model_validate_json(seen.model_dump_json())
        assert read.chunking_strategy is not None
        assert read.chunking_strategy.to_dict() == HALVES.model_dump()

    async def test_another_strategy_has_the_file_cut_anew_and_the_same_does_not(self) -> None:
        world = World()
        store_id, (file_id,) = await filled(world, "some text")
        for strategy, times in ((HALVES, 2), (HALVES, 2), (None, 2), ({"type": "auto"}, 3)):
            body = AttachBody.model_validate({"file_id": file_id, "chunking_strategy": strategy})
            await world.services.attachments.attach(CALLER, store_id, body)
            await world.settle()
            assert len(world.reader.cuts) == times
        assert world.reader.cuts == [None, Cut(200, 100), None]


class TestBatches:
    async def test_a_batch_counts_all_of_its_files_from_the_start(self) -> None:
        world = World()
        store_id, _ = await filled(world)
        file_ids = [(await world.upload(text)).id for text in ("one text", "\0", "three text")]
        batches = world.services.file_batches
        made = await batches.create(CALLER, store_id, FileBatchBody(file_ids=[*file_ids, file_ids[0]]))
        seen = VectorStoreFileBatch.model_validate_json(made.model_dump_json(), strict=True)
        assert (seen.status, seen.file_counts.in_progress, seen.file_counts.total) == ("in_progress", 3, 3)
        await world.settle()
        counts = (await batches.retrieve(CALLER, store_id, made.id)).file_counts
        assert (counts.in_progress, counts.completed, counts.failed) == (0, 2, 1)
        assert (await batches.retrieve(CALLER, store_id, made.id)).status == "completed"

    async def test_each_file_of_a_batch_may_have_attributes_and_chunking_of_its_own(self) -> None:
        world = World()
        store_id, _ = await filled(world)
        one, two = [(await world.upload(text)).id for text in ("one text", "two text")]
        files = [AttachBody(file_id=one, attributes={"n": 1}), AttachBody(file_id=two, chunking_strategy=HALVES)]
        await world.services.file_batches.create(CALLER, store_id, FileBatchBody(files=files))
        await world.settle()
        attachments = world.services.attachments
        assert (await attachments.retrieve(CALLER, store_id, one)).attributes == {"n": 1}
        assert (await attachments.retrieve(CALLER, store_id, two)).chunking_strategy == HALVES

    async def test_to_cancel_takes_out_what_is_in_progress_and_leaves_the_rest(self) -> None:
        world = World()
        store_id, (done,) = await filled(world, "done text")
        late = (await world.upload("late text")).id
        batches = world.services.file_batches
        made = await batches.create(CALLER, store_id, FileBatchBody(file_ids=[done, late]))
        seen = await batches.cancel(CALLER, store_id, made.id)
        assert (seen.status, seen.file_counts.completed, seen.file_counts.cancelled) == ("cancelled", 1, 1)
        await world.settle()
        assert await world.texts(store_id) == ["done text"]
        cancelled = await batches.list(CALLER, store_id, made.id, AttachedFileQuery(filter="cancelled"))
        assert [one.id for one in cancelled.data] == [late]

    async def test_the_files_of_a_batch_are_listed_in_pages_both_ways(self) -> None:
        world = World()
        store_id, _ = await filled(world)
        ids = [(await world.upload(f"text {n}")).id for n in range(5)]
        batches = world.services.file_batches
        made = await batches.create(CALLER, store_id, FileBatchBody(file_ids=ids))

        async def page(**query: object) -> tuple[list[str], bool]:
            asked = AttachedFileQuery.model_validate(query)
            found = await batches.list(CALLER, store_id, made.id, asked)
            return [one.id for one in found.data], found.has_more

        assert await page(limit=2) == ([ids[4], ids[3]], True)
        assert await page(limit=3, after=ids[3]) == ([ids[2], ids[1], ids[0]], False)
        assert await page(limit=2, before=ids[0]) == ([ids[2], ids[1]], True)
        assert await page(limit=2, order="asc", after=ids[1]) == ([ids[2], ids[3]], True)

    async def test_a_batch_with_a_missing_file_puts_in_none(self) -> None:
        world = World()
        store_id, _ = await filled(world)
        file_id = (await world.upload("text")).id
        body = FileBatchBody(file_ids=[file_id, "file-none"])
        with pytest.raises(NotFoundError, match="'file-none'"):
            await world.services.file_batches.create(CALLER, store_id, body)
        assert (await world.documents.list(TENANT)).items == ()

    async def test_a_batch_is_missing_to_strangers_and_in_other_stores(self) -> None:
        world = World()
        store_id, (file_id,) = await filled(world, "text")
        other, _ = await filled(world)
        batches = world.services.file_batches
        made = await batches.create(CALLER, store_id, FileBatchBody(file_ids=[file_id]))
        for caller, store, batch in ((STRANGER, store_id, made.id), (CALLER, other, made.id), (CALLER, store_id, "x")):
            for call in (batches.retrieve(caller, store, batch), batches.cancel(caller, store, batch)):
                with pytest.raises(NotFoundError, match="No batch"):
                    await call
