"""The blob trigger behind Event Grid's webhook, by content and by address."""

import json
from typing import Any

import aiohttp

from tests.local.conftest import Account, Notes, eventually

WEBHOOK = "/runtime/webhooks/blobs?functionName=Host.Functions."
INTERNAL_QUEUE = "azure-webjobs-blobtrigger-shared"


def created(url: str) -> list[dict[str, Any]]:
    data = {"url": url, "eTag": "0x1", "blobType": "BlockBlob"}
    return [{"eventType": "Microsoft.Storage.BlobCreated", "data": data}]


async def notify(http: aiohttp.ClientSession, function: str, url: str) -> int:
    headers = {"aeg-event-type": "Notification"}
    async with http.post(WEBHOOK + function, json=created(url), headers=headers) as response:
        return response.status


async def test_the_webhook_proves_that_it_wants_the_subscription(http: aiohttp.ClientSession) -> None:
    events = [{"data": {"validationCode": "secret"}}]
    headers = {"aeg-event-type": "SubscriptionValidation"}
    async with http.post(f"{WEBHOOK}on_upload", json=events, headers=headers) as response:
        assert response.status == 200
        assert await response.json() == {"validationResponse": "secret"}


async def test_an_event_for_a_function_that_does_not_exist_is_404(http: aiohttp.ClientSession) -> None:
    assert await notify(http, "unknown", "http://127.0.0.1/x/y") == 404


async def test_a_created_blob_is_given_with_its_content(
    http: aiohttp.ClientSession, account: Account, notes: Notes
) -> None:
    url = await account.upload("uploads", "folder/a b.txt", b"hello")
    assert await notify(http, "on_upload", url) == 202
    note = (await notes.wait("upload", "uploads/folder/a b.txt"))[0]
    assert note[2:5] == [5, "hello", url]


async def test_a_client_binding_gets_the_address_and_not_the_content(
    http: aiohttp.ClientSession, account: Account, notes: Notes
) -> None:
    url = await account.upload("big", "dir/large.bin", b"x" * 300_000)
    assert await notify(http, "on_big", url) == 202
    assert (await notes.wait("big"))[0][1:4] == ["big", "dir/large.bin", 300_000]


async def test_a_blob_that_is_gone_counts_as_done(http: aiohttp.ClientSession, account: Account, notes: Notes) -> None:
    url = await account.upload("uploads", "gone.txt", b"x")
    await account.blobs.get_blob_client("uploads", "gone.txt").delete_blob()
    assert await notify(http, "on_upload", url) == 202
    await eventually(lambda: _is_empty(account))
    assert not notes.of("upload", "uploads/gone.txt")


async def test_a_blob_that_keeps_failing_is_parked(http: aiohttp.ClientSession, account: Account, notes: Notes) -> None:
    url = await account.upload("uploads", "bad.txt", b"poison")
    assert await notify(http, "on_upload", url) == 202
    parked = await parked_of(account, "Host.Functions.on_upload")
    assert (parked["FunctionId"], parked["BlobName"]) == ("Host.Functions.on_upload", "bad.txt")
    assert len(notes.of("upload", "uploads/bad.txt")) == 2


async def test_a_blob_outside_the_path_is_not_for_this_function(
    http: aiohttp.ClientSession, account: Account, notes: Notes
) -> None:
    url = await account.upload("elsewhere", "a.txt", b"x")
    assert await notify(http, "on_upload", url) == 202
    assert await _is_empty(account)


async def parked_of(account: Account, function: str) -> dict[str, str]:
    """The next parked blob of the function. The queue is everybody's, and a blob may be parked twice."""
    await eventually(lambda: _exists(account))
    while True:
        parked = json.loads((await account.taken("webjobs-blobtrigger-poison", 1))[0])
        if parked["FunctionId"] == function:
            return parked


async def _exists(account: Account) -> bool:
    return "webjobs-blobtrigger-poison" in [queue.name async for queue in account.queues.list_queues()]


async def _is_empty(account: Account) -> bool:
    return await account.depth(INTERNAL_QUEUE) == 0
