"""The timer trigger: its schedule, what it remembers, and several hosts that share one."""

import contextlib
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import BlobLeaseClient

from local.host.host import Host
from tests.local.conftest import Account, Notes, StartHost, eventually


async def test_a_timer_fires_once_for_each_moment_of_its_schedule(host: Host, notes: Notes) -> None:
    before = len(notes.of("tick"))
    ticks = await notes.wait("tick", count=before + 3)
    moments = [tick[2] for tick in ticks[-3:]]
    assert len({int(moment) for moment in moments}) == 3
    assert all(moment % 1 < 0.9 for moment in moments)


async def test_a_timer_that_asks_for_it_runs_at_start_and_its_status_is_kept(
    host: Host, account: Account, notes: Notes
) -> None:
    assert (await notes.wait("nightly"))[0][1] is False
    blob = account.blobs.get_blob_client("azure-webjobs-hosts", "timers/shared/Host.Functions.nightly/status")
    status = json.loads(await (await blob.download_blob()).readall())
    upcoming = datetime.fromisoformat(status["Next"])
    assert (upcoming.hour, upcoming.minute) == (3, 0)
    assert upcoming > datetime.now(UTC)


async def test_a_run_that_was_missed_is_made_up_for_as_past_due(
    start_host: StartHost, account: Account, own_notes: Notes, prefix: str
) -> None:
    hosts = account.blobs.get_container_client("azure-webjobs-hosts")
    with contextlib.suppress(ResourceExistsError):
        await hosts.create_container()
    missed = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    status = {"Last": missed, "Next": missed, "LastUpdated": missed}
    await hosts.upload_blob(f"timers/{prefix}host/Host.Functions.nightly/status", json.dumps(status))
    await start_host()
    note = (await own_notes.wait("nightly"))[0]
    assert note[1] is True
    assert json.loads(note[2])["Last"] == missed


async def test_of_two_hosts_one_runs_the_timer_and_the_other_takes_over(
    start_host: StartHost, own_notes: Notes
) -> None:
    first, second = await start_host(), await start_host()
    ticks = await own_notes.wait("tick", count=3)
    assert {tick[-1] for tick in ticks} == set(first.worker_pids)
    assert len({int(tick[2]) for tick in ticks}) == len(ticks)
    await first.stop()
    pids = set(second.worker_pids)
    await eventually(lambda: {tick[-1] for tick in own_notes.of("tick")} & pids)


async def test_a_host_that_loses_its_lock_runs_the_timer_no_more_until_it_has_it_again(
    start_host: StartHost,
    account: Account,
    own_notes: Notes,
    prefix: str,
    host: Host,
    notes: Notes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await start_host()
    await own_notes.wait("tick")
    lock = f"locks/{prefix}host/Host.Functions.tick.Listener"
    blob = account.blobs.get_blob_client("azure-webjobs-hosts", lock)
    await BlobLeaseClient(blob).break_lease(lease_break_period=0)
    other = await blob.acquire_lease(-1)
    await eventually(lambda: f"The lock {lock} is lost" in caplog.text)
    elsewhere = len(await notes.wait("tick", count=len(notes.of("tick")) + 1))
    before = len(own_notes.of("tick"))
    await notes.wait("tick", count=elsewhere + 2)  # two seconds by the timer of another host
    assert len(own_notes.of("tick")) == before
    await other.release()
    await own_notes.wait("tick", count=before + 1)


async def test_two_hosts_of_two_workers_share_blobs_and_timers_and_do_nothing_twice(
    start_host: StartHost, account: Account, own_notes: Notes
) -> None:
    hosts = [await start_host(worker_processes=2), await start_host(worker_processes=2)]
    names = [f"shared/{number}.txt" for number in range(30)]
    async with aiohttp.ClientSession() as client:
        for number, name in enumerate(names):
            data = {"url": await account.upload("uploads", name, b"x"), "eTag": "0x1", "blobType": "BlockBlob"}
            webhook = next(url for url in hosts[number % 2].blob_webhooks if url.endswith("on_upload"))
            async with client.post(webhook, json=[{"data": data}]) as response:
                assert response.status == 202
    await own_notes.wait("upload", count=len(names))
    await own_notes.wait("tick", count=3)
    queue = f"azure-webjobs-blobtrigger-{hosts[0].config.identity}"
    await eventually(lambda: _is_empty(account, queue))
    assert Counter(note[1] for note in own_notes.of("upload")) == {f"uploads/{name}": 1 for name in names}
    seconds = Counter(int(note[2]) for note in own_notes.of("tick"))
    assert set(seconds.values()) == {1}
    assert len(own_notes.of("nightly")) == 1
    ran = {note[-1] for note in own_notes.of("upload")}
    assert ran & set(hosts[0].worker_pids)
    assert ran & set(hosts[1].worker_pids)


async def _is_empty(account: Account, queue: str) -> bool:
    return await account.depth(queue) == 0
