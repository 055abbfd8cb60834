"""The timer trigger: its schedule, what it remembers, and several hosts that share one."""

import contextlib
import json
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import ResourceExistsError

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
