"""The blob trigger that polls its container: every version once, over restarts and beside other hosts."""

import json

import aiohttp

from local.host.host import Host
from tests.local.conftest import Account, Notes, StartHost, eventually
from tests.local.test_blobs import INTERNAL_QUEUE, notify, parked_of


async def test_a_blob_is_found_and_its_next_version_too(host: Host, account: Account, notes: Notes) -> None:
    await account.upload("shared-polled", "dir/a b.txt", b"first")
    await notes.wait("polled", "dir/a b.txt", "first")
    await account.upload("shared-polled", "dir/a b.txt", b"second")
    await notes.wait("polled", "dir/a b.txt", "second")
    assert len(notes.of("polled", "dir/a b.txt")) == 2


async def test_what_was_there_before_is_found_once_over_restarts_and_hosts(
    start_host: StartHost, account: Account, own_notes: Notes, prefix: str
) -> None:
    await account.upload(f"{prefix}polled", "early", b"x")
    first = await start_host()
    await own_notes.wait("polled", "early")
    await eventually(lambda: _receipts(account, prefix, "early"))
    await first.stop()
    await start_host()
    await start_host()
    await account.upload(f"{prefix}polled", "late", b"x")
    await own_notes.wait("polled", "late")
    await account.upload(f"{prefix}polled", "last", b"x")  # by then every host could have looked at the others
    await own_notes.wait("polled", "last")
    assert [note[1] for note in own_notes.of("polled")] == ["early", "late", "last"]


async def test_a_found_blob_that_keeps_failing_is_parked(host: Host, account: Account, notes: Notes) -> None:
    await account.upload("shared-polled", "bad", b"poison")
    assert (await parked_of(account, "Host.Functions.on_polled"))["BlobName"] == "bad"
    assert len(notes.of("polled", "bad")) == 2


async def test_a_version_that_was_replaced_meanwhile_is_not_run(host: Host, account: Account, notes: Notes) -> None:
    await account.upload("shared-polled", "replaced", b"new")
    await notes.wait("polled", "replaced", "new")
    notice = {"FunctionId": "Host.Functions.on_polled", "ContainerName": "shared-polled", "BlobName": "replaced"}
    await account.send(INTERNAL_QUEUE, json.dumps(notice | {"ETag": "0x0", "BlobType": "BlockBlob"}))
    await eventually(lambda: _is_empty(account))
    assert len(notes.of("polled", "replaced")) == 1


async def test_the_webhook_knows_no_function_that_polls(http: aiohttp.ClientSession) -> None:
    assert await notify(http, "on_polled", "http://127.0.0.1/shared-polled/x") == 404


async def _receipts(account: Account, prefix: str, blob: str) -> bool:
    container = account.blobs.get_container_client("azure-webjobs-hosts")
    start = f"blobreceipts/{prefix}host/Host.Functions.on_polled/"
    return any([one.name.endswith(f"/{prefix}polled/{blob}") async for one in container.list_blobs(start)])


async def _is_empty(account: Account) -> bool:
    return await account.depth(INTERNAL_QUEUE) == 0
