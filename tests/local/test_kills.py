"""Workers that are killed under load: nothing is lost, nothing hangs, nothing is left behind."""

import aiohttp
import pytest

from tests.local.conftest import Account, Notes, eventually
from tests.local.kills import CLIENTS, Run, kill_under_load, running, settled

_GROWTH_MB = 15.0
_FILES = 15  # connections to the storage that wait to be used again


@pytest.mark.parametrize(
    ("seconds", "workers"),
    [(5, 1), pytest.param(30, 1, marks=pytest.mark.soak), pytest.param(30, 2, marks=pytest.mark.soak)],
)
async def test_killed_workers_lose_no_work_and_leave_nothing(
    account: Account, own_notes: Notes, prefix: str, seconds: int, workers: int
) -> None:
    async with running(account, own_notes, prefix, workers) as run:
        await kill_under_load(run, account, 3)  # what a host takes once, it has taken now
        rss_mb, files, before = run.rss_mb, run.open_files, len(run.killed)
        await kill_under_load(run, account, seconds)
        await settled(run, account)
        await eventually(lambda: len(run.children()) == workers, 60)
        print(_figures(run, rss_mb, files))
        assert len(run.killed) - before == seconds
        assert set(run.answers) <= {200, 502}
        assert run.answers[502] <= 2 * CLIENTS * len(run.killed)
        assert "Z" not in run.children().values()
        assert run.rss_mb - rss_mb < _GROWTH_MB
        assert run.open_files - files < _FILES
        async with aiohttp.ClientSession(run.url) as client, client.get("/api/ping") as response:
            assert response.status == 200


def _figures(run: Run, rss_mb: float, files: int) -> str:
    return (
        f"\n{len(run.killed)} workers killed. HTTP: {run.answers[200]} answered, {run.answers[502]} refused with 502, "
        f"slowest {run.slowest_s:.1f} s. Queue: {len(run.jobs)} sent, {len(run.jobs & run.done())} done "
        f"({run.repeated()} attempts after the first), {len(run.parked() - run.done())} parked. "
        f"Blobs: {len(run.blobs)} sent, {len(run.blobs & run.seen_blobs())} done. "
        f"Host: {rss_mb:.1f} MB before, {run.rss_mb:.1f} MB after; {files} files before, {run.open_files} after; "
        f"{len(run.children())} child processes."
    )
