"""Queue messages that no retry can help: parked with the reason, and read."""

import base64
import json
from typing import Any

import openai
import pytest
from azure.core.exceptions import ResourceNotFoundError
from openai.types.vector_stores import VectorStoreFile

from tests.scenarios.deck import Deck, eventually
from tests.upstream import Step


async def parked(deck: Deck, queue: str) -> list[str]:
    """Bodies that were kept because they are about nothing we know."""
    async with deck.blobs() as service:
        container = service.get_container_client("poison")
        try:
            names = [name async for name in container.list_blob_names(name_starts_with=queue)]
            return [(await (await container.download_blob(name)).readall()).decode() for name in names]
        except ResourceNotFoundError:
            return []


def _original(kept: str) -> str:
    """What was kept is the body itself, or our note with the body in it."""
    return json.loads(kept)["body"] if kept.startswith('{"kind":"parked"') else kept


async def depth(deck: Deck, queue: str) -> int:
    """Visible messages; reservations of calls whose worker was killed stay hidden for minutes."""
    async with deck.queues() as service:
        return len(await service.get_queue_client(queue).peek_messages(max_messages=32))


@pytest.mark.parametrize(
    ("queue", "body"),
    [
        ("documents", "this is not a message of ours"),
        ("documents", json.dumps({"version": 99, "kind": "blob", "blob_name": "acme/kb/a.txt"})),
        ("documents", json.dumps({"version": 1, "kind": "blob"})),
        ("usage", "nor is this"),
        ("usage", json.dumps({"version": 99})),
    ],
)
async def test_a_message_that_is_not_ours_is_kept_aside_and_holds_nothing_up(deck: Deck, queue: str, body: str) -> None:
    async with deck.queues() as service:
        await service.get_queue_client(queue).send_message(base64.b64encode(body.encode()).decode())
    kept = await eventually(lambda: parked(deck, queue), lambda bodies: any(body in _original(one) for one in bodies))
    assert kept
    await eventually(lambda: depth(deck, queue), lambda count: count == 0)
    await eventually(lambda: depth(deck, f"{queue}-poison"), lambda count: count == 0)


async def attached(deck: Deck, store: str, content: bytes) -> Any:
    """A file in a new store, and a way to look at it."""
    client = deck.client().with_options(max_retries=5)
    made = await client.vector_stores.create(name=store)
    uploaded = await client.files.create(file=("note.txt", content), purpose="assistants")
    await client.vector_stores.files.create(vector_store_id=made.id, file_id=uploaded.id)

    async def look() -> Any:
        return await client.vector_stores.files.retrieve(uploaded.id, vector_store_id=made.id)

    return look


async def test_a_document_that_keeps_failing_says_so_and_is_tried_again_when_asked(deck: Deck) -> None:
    deck.upstream.script("embedding", default=Step(fault="malformed"))
    look = await attached(deck, "doomed", b"A note nobody can embed.")
    failed = await eventually(look, lambda file: file.status == "failed", timeout_s=120)
    assert failed.last_error.code == "server_error"
    assert "cannot be read" in failed.last_error.message
    deck.upstream.steps.reset()
    path = f"/vector_stores/{failed.vector_store_id}/files/{failed.id}/retry"
    again = await deck.client().post(path, cast_to=VectorStoreFile)
    assert (again.id, again.status, again.last_error) == (failed.id, "in_progress", None)
    healed = await eventually(look, lambda file: file.status != "in_progress")
    assert (healed.status, healed.last_error) == ("completed", None)
    (hit,) = (await deck.client().vector_stores.search(failed.vector_store_id, query="a note to embed")).data
    assert hit.content[0].text == "A note nobody can embed."


async def test_a_retry_of_what_is_missing_or_anothers_is_not_found(deck: Deck) -> None:
    look = await attached(deck, "mine", b"A note of acme.")
    file = await eventually(look, lambda file: file.status == "completed")
    for tenant, name in (("other", file.id), ("acme", "file-none")):
        path = f"/vector_stores/{file.vector_store_id}/files/{name}/retry"
        with pytest.raises(openai.NotFoundError) as refused:
            await deck.client(tenant).post(path, cast_to=VectorStoreFile)
        assert (refused.value.param, refused.value.code) == ("file_id", "not_found")
