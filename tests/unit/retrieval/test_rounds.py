"""What events missed is found by going round: blobs without documents, documents without blobs, work nobody does."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from shared.errors import OverloadedError, PlatformError
from shared.ports.blobs import DOCUMENTS, BlobPage
from shared.ports.records import FanOut, LastError
from shared.wire.vector_stores import VectorStoreBody
from tests.unit.retrieval.world import CALLER, TENANT, Fuse, Killed, Meanwhile, World


async def quietly(world: World, name: str, content: str | None) -> None:
    """A change of a blob whose event is lost."""
    if content is None:
        await world.blobs.delete(DOCUMENTS, name)
    else:
        await world.blobs.upload(DOCUMENTS, name, BytesIO(content.encode()))


async def go_round(world: World) -> None:
    """From wherever the last run stopped to the end of a round, and one whole round more."""
    for _ in range(2):
        await world.services.rounds.run()


def waiting(world: World) -> int:
    return len(world.queues.waiting("documents"))


async def healed(world: World) -> list[str]:
    await go_round(world)
    await world.settle()
    return await world.texts((await world.only_store()).id)


async def change(world: World, **fields: Any) -> None:
    (stored,) = (await world.documents.list(TENANT)).items
    await world.documents.replace(replace(stored.value, **fields), if_match=stored.etag)


class TestMissedEvents:
    async def test_a_drop_that_nobody_was_told_of_is_indexed(self) -> None:
        world = World()
        await quietly(world, "acme/kb/a.txt", "a text")
        assert await healed(world) == ["a text"]

    async def test_a_change_that_nobody_was_told_of_is_indexed(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "old text")
        await world.settle()
        await quietly(world, "acme/kb/a.txt", "new text")
        assert await healed(world) == ["new text"]

    async def test_a_deletion_that_nobody_was_told_of_is_made_up_for(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        await world.settle()
        await quietly(world, "acme/kb/a.txt", None)
        assert await healed(world) == []
        assert (await world.only_document()).state == "deleted"

    async def test_a_blob_that_came_back_after_its_deletion_is_indexed_again(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        await world.settle()
        await world.remove("acme/kb/a.txt")
        await world.settle()
        await quietly(world, "acme/kb/a.txt", "text again")
        assert await healed(world) == ["text again"]

    async def test_an_upload_whose_blob_is_gone_is_gone_from_its_store(self) -> None:
        world = World()
        file = await world.upload("a text")
        await world.services.vector_stores.create(CALLER, VectorStoreBody(file_ids=[file.id]))
        await world.settle()
        document = await world.only_document()
        await world.blobs.delete(document.container, document.blob_name)
        assert await healed(world) == []

    async def test_blobs_that_lay_there_before_a_store_took_their_folders_name_are_indexed(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        await world.settle()
        await world.services.vector_stores.delete(CALLER, (await world.only_store()).id)
        await world.services.vector_stores.create(CALLER, VectorStoreBody(name="kb"))
        assert await healed(world) == ["a text"]

    async def test_a_store_that_was_deleted_does_not_come_back_by_itself(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        await world.settle()
        await world.services.vector_stores.delete(CALLER, (await world.only_store()).id)
        await go_round(world)
        await world.settle()
        assert (await world.stores.list(TENANT)).items == ()
        await quietly(world, "acme/kb/a.txt", "a newer text")
        assert await healed(world) == ["a newer text"]

    async def test_what_is_no_document_of_anybody_is_left_alone(self) -> None:
        world = World()
        await quietly(world, "stray.txt", "text")
        await go_round(world)
        assert waiting(world) == 0


class TestLostMessages:
    async def test_a_document_that_waits_for_a_message_that_was_lost_is_indexed(self) -> None:
        world = World()
        file = await world.upload("a text")
        await world.services.vector_stores.create(CALLER, VectorStoreBody(file_ids=[file.id]))
        for message in await world.queues.take("documents"):
            await world.queues.delete("documents", message.receipt)
        await go_round(world)
        assert waiting(world) == 0, "its message may still come"
        world.clock.advance(3600)
        assert await healed(world) == ["a text"]

    async def test_a_run_that_died_with_its_message_is_taken_over(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        (message,) = await world.queues.take("documents")

        async def die() -> None:
            raise Killed

        reader, world.reader = world.reader, Meanwhile(world.reader, "extract", die)
        with pytest.raises(Killed):
            await world.deliver(message, world.process(Fuse()))
        world.reader = reader
        assert (await world.only_document()).claim is not None
        await world.queues.delete("documents", message.receipt)
        world.clock.advance(3600)
        assert await healed(world) == ["a text"]

    async def test_work_that_is_held_is_left_alone(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        await world.settle()
        until = world.clock.now() + timedelta(seconds=30)
        await change(world, state="embedding", claim="other", claimed_until=until)
        await go_round(world)
        assert waiting(world) == 0

    async def test_a_large_document_is_left_alone_while_its_parts_arrive(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        await world.settle()
        world.clock.advance(3600)
        fan_out = FanOut(parts=9, content_hash="", inputs="", moved_at=world.clock.now())
        await change(world, state="embedding", fan_out=fan_out)
        await go_round(world)
        assert waiting(world) == 0
        world.clock.advance(3600)
        await go_round(world)
        assert waiting(world) == 1

    async def test_a_nudge_is_given_time_before_the_next(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        await world.settle()
        await change(world, state="queued", blob_etag=None)
        for hours, messages in ((1, 1), (1, 1), (6, 2)):
            world.clock.advance(hours * 3600)
            await go_round(world)
            assert waiting(world) == messages

    async def test_what_failed_is_tried_once_more_for_each_version_and_not_for_ever(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        await world.settle()
        await change(world, state="failed", blob_etag=None, last_error=LastError("server_error", "Down."))
        for _ in range(3):
            await go_round(world)
            world.clock.advance(86400)
        assert waiting(world) == 1
        await quietly(world, "acme/kb/a.txt", "new text")
        await go_round(world)
        assert waiting(world) == 2

    async def test_chunks_that_nobody_can_see_are_swept(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        await world.settle()
        document = await world.only_document()
        (chunk,) = await world.visible(document)
        await world.chunks.put([replace(chunk, id="late", generation=chunk.generation - 1)])
        assert await healed(world) == ["a text"]
        assert list(await world.chunks.unswept(TENANT, document.store_id)) == []

    async def test_chunks_of_what_was_taken_out_are_swept_too(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        await world.settle()
        (chunk,) = await world.visible(await world.only_document())
        await world.remove("acme/kb/a.txt")
        await world.settle()
        await world.chunks.put([chunk])
        await go_round(world)
        await world.settle()
        assert list(await world.chunks.unswept(TENANT, chunk.store_id)) == []

    async def test_a_document_whose_store_is_gone_is_taken_out(self) -> None:
        world = World()
        file = await world.upload("a text")
        await world.services.vector_stores.create(CALLER, VectorStoreBody(file_ids=[file.id]))
        await world.settle()
        await world.stores.delete(TENANT, (await world.only_store()).id)
        await go_round(world)
        await world.settle()
        assert (await world.only_document()).state == "deleted"


class TestRounds:
    async def test_where_nothing_is_amiss_nothing_is_written(self) -> None:
        world = World()
        await world.drop("acme/kb/a.txt", "a text")
        file = await world.upload("b text")
        await world.services.vector_stores.create(CALLER, VectorStoreBody(file_ids=[file.id]))
        await world.settle()
        before = (await world.documents.list(TENANT)).items
        await go_round(world)
        assert waiting(world) == 0
        assert (await world.documents.list(TENANT)).items == before

    async def test_a_round_takes_as_many_runs_as_it_needs_and_misses_nobody(self) -> None:
        world = World()
        names = [f"{tenant}/{folder}/{n}.txt" for tenant in ("acme", "zeta") for folder in "kl" for n in range(3)]
        for name in names:
            await quietly(world, name, "text")
        short = replace(world.services.rounds, budget_s=0, page=2)
        for _ in range(40):
            await short.run()
        await world.settle()
        for tenant in ("acme", "zeta"):
            found = [stored.value.state for stored in (await world.documents.list(tenant)).items]
            assert found == ["ready"] * 6

    async def test_of_two_runs_at_once_one_stops(self) -> None:
        world = World()
        await quietly(world, "acme/kb/a.txt", "a text")
        cursors, world.cursors = world.cursors, Meanwhile(world.cursors, "replace", world.services.rounds.run)
        await world.process(Fuse()).rounds.run()
        world.cursors = cursors
        await world.settle()
        assert (await world.only_document()).state == "ready"

    async def test_a_run_killed_at_any_step_loses_nothing(self) -> None:
        steps = 0
        while True:
            world = World()
            await world.drop("acme/kb/a.txt", "old text")
            await world.settle()
            await quietly(world, "acme/kb/a.txt", "new text")
            await quietly(world, "acme/kb/b.txt", "other text")
            fuse = Fuse(steps=steps)
            try:
                await world.process(fuse).rounds.run()
            except Killed:
                world.clock.advance(3600)
            assert sorted(await healed(world)) == ["new text", "other text"], f"killed after {steps} steps"
            if fuse.spent <= steps:
                break
            steps += 1
        assert steps > 20

    async def test_a_service_that_is_busy_puts_the_round_off(self) -> None:
        world = World()

        async def busy() -> None:
            raise OverloadedError("Busy.")

        blobs, world.blobs = world.blobs, Meanwhile(world.blobs, "list", busy)
        await world.process(Fuse()).rounds.run()
        world.blobs = blobs
        await quietly(world, "acme/kb/a.txt", "a text")
        assert await healed(world) == ["a text"]

    async def test_a_mark_that_the_storage_does_not_know_any_more_starts_the_list_anew(self) -> None:
        world = World()

        class Forgetful:
            def __init__(self, blobs: Any) -> None:
                self._blobs = blobs

            def __getattr__(self, name: str) -> Any:
                return getattr(self._blobs, name)

            async def list(self, container: str, *, limit: int, following: str | None) -> BlobPage:
                if following is not None:
                    raise PlatformError("Blob storage refused: 400.")
                return await self._blobs.list(container, limit=limit)

        for name in "ab":
            await quietly(world, f"acme/kb/{name}.txt", f"{name} text")
        blobs, world.blobs = world.blobs, Forgetful(world.blobs)
        await replace(world.process(Fuse()).rounds, page=1).run()
        world.blobs = blobs
        assert sorted(await healed(world)) == ["a text", "b text"]
