"""Trying again on request: the route that forgets what became of a file and has it indexed anew."""

from dataclasses import replace

import pytest

from shared.errors import NotFoundError
from shared.ports.keys import Caller
from shared.ports.records import LastError
from shared.wire.vector_stores import VectorStoreBody
from tests.unit.retrieval.world import CALLER, Fuse, Meanwhile, World


async def attached(world: World, content: str | bytes = "some text") -> tuple[str, str]:
    file = await world.upload(content)
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(name="kb", file_ids=[file.id]))
    await world.settle()
    return store.id, file.id


async def test_a_failure_is_forgotten_and_the_file_is_indexed() -> None:
    world = World()
    store_id, file_id = await attached(world)
    stored = await world.documents.get(CALLER.tenant, f"{store_id}:{file_id}")
    broken = replace(stored.value, state="failed", attempts=5, last_error=LastError("server_error", "Down."))
    await world.documents.replace(broken, if_match=stored.etag)
    answer = await world.services.attachments.retry(CALLER, store_id, file_id)
    assert (answer.status, answer.last_error) == ("in_progress", None)
    assert (await world.only_document()).attempts == 0
    await world.settle()
    assert (await world.only_document()).state == "ready"


async def test_what_is_ready_is_made_again_and_answers_meanwhile() -> None:
    world = World()
    store_id, file_id = await attached(world)
    world.embedder.texts.clear()
    before = await world.only_document()
    await world.services.attachments.retry(CALLER, store_id, file_id)
    assert await world.texts(store_id, "text") == ["some text"]
    await world.settle()
    after = await world.only_document()
    assert (after.state, after.generation) == ("ready", before.generation + 1)
    assert "some text" not in world.embedder.texts, "its embedding is known"
    assert await world.texts(store_id, "text") == ["some text"]


async def test_what_can_still_not_be_read_fails_again_for_the_same_reason() -> None:
    world = World()
    store_id, file_id = await attached(world, b"\x00")
    first = (await world.only_document()).last_error
    await world.services.attachments.retry(CALLER, store_id, file_id)
    await world.settle()
    document = await world.only_document()
    assert (document.state, document.last_error) == ("failed", first)


async def test_what_is_in_progress_keeps_what_it_has_and_is_looked_at_once_more() -> None:
    world = World()
    store_id, file_id = await attached(world)
    stored = await world.documents.get(CALLER.tenant, f"{store_id}:{file_id}")
    running = replace(stored.value, state="embedding", claim="message", attempts=1)
    await world.documents.replace(running, if_match=stored.etag)
    assert (await world.services.attachments.retry(CALLER, store_id, file_id)).status == "in_progress"
    assert await world.only_document() == running
    assert len(world.queues.waiting("documents")) == 1


async def test_a_record_that_changes_under_the_retry_is_read_again() -> None:
    world = World()
    store_id, file_id = await attached(world)

    async def change() -> None:
        stored = await world.documents.get(CALLER.tenant, f"{store_id}:{file_id}")
        await world.documents.replace(replace(stored.value, attributes={"a": 1.0}), if_match=stored.etag)

    documents, world.documents = world.documents, Meanwhile(world.documents, "replace", change)
    services, world.documents = world.process(Fuse()), documents
    assert (await services.attachments.retry(CALLER, store_id, file_id)).attributes == {"a": 1.0}


async def test_what_is_missing_taken_out_or_anothers_cannot_be_tried_again() -> None:
    world = World()
    store_id, file_id = await attached(world)
    attachments = world.services.attachments
    with pytest.raises(NotFoundError, match="No file"):
        await attachments.retry(Caller("zeta", "key-2"), store_id, file_id)
    with pytest.raises(NotFoundError, match="file-none"):
        await attachments.retry(CALLER, store_id, "file-none")
    await attachments.detach(CALLER, store_id, file_id)
    with pytest.raises(NotFoundError, match="No file"):
        await attachments.retry(CALLER, store_id, file_id)
