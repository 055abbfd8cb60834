"""Load of all three kinds on a host as a program, while its workers are killed: what was asked, and what came of it."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from local.setup.ownership import any_port
from tests.local.conftest import SAMPLE_APP, Account, Notes, eventually

CLIENTS = 4
_PAUSE_S = 0.05
_WEBHOOK = "/runtime/webhooks/blobs?functionName=Host.Functions.on_upload"


@dataclass(slots=True)
class Run:
    """What was asked of a host, and what it answered."""

    url: str
    pid: int
    prefix: str
    notes: Notes
    answers: Counter[int] = field(default_factory=Counter[int])
    slowest_s: float = 0.0
    jobs: set[str] = field(default_factory=set[str])
    blobs: set[str] = field(default_factory=set[str])
    killed: list[int] = field(default_factory=list[int])

    def done(self) -> set[str]:
        return {note[1] for note in self.notes.of("job-done")}

    def parked(self) -> set[str]:
        return {note[1] for note in self.notes.of("poison")}

    def seen_blobs(self) -> set[str]:
        return {note[1] for note in self.notes.of("upload")}

    def repeated(self) -> int:
        return sum(note[2] > 1 for note in self.notes.of("job"))

    @property
    def rss_mb(self) -> float:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    @property
    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def children(self) -> dict[int, str]:
        """The host's child processes, dead ones that nobody waited for too: pid and state."""
        found: dict[int, str] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, parent, *_ = stat.read_text().rpartition(")")[2].split()
                if int(parent) == self.pid:
                    found[int(stat.parent.name)] = state
        return found


@contextlib.asynccontextmanager
async def running(account: Account, notes: Notes, prefix: str, workers: int) -> AsyncIterator[Run]:
    """The sample app on a host that is a process of its own."""
    port = any_port()
    arguments = [str(SAMPLE_APP), "--port", str(port), "--storage", account.connection_string]
    arguments += ["--host-id", f"{prefix}host", "--worker-processes", str(workers), "--max-poll-s", "0.2"]
    with notes.path.with_suffix(".log").open("wb") as log:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "local.host", *arguments),
            env={**os.environ, "SAMPLE_NOTES": str(notes.path), "SAMPLE_PREFIX": prefix},
            stderr=log,
        )
    run = Run(f"http://127.0.0.1:{port}", program.pid, prefix, notes)
    try:
        async with aiohttp.ClientSession(run.url) as client:
            await eventually(lambda: _answers(client), 60)
        yield run
    finally:
        program.terminate()
        await program.wait()


async def kill_under_load(run: Run, account: Account, seconds: int) -> None:
    """HTTP, queue and blob work for so long; each second a worker process is killed, one that still starts too."""
    until = time.monotonic() + seconds
    async with aiohttp.ClientSession(run.url, timeout=aiohttp.ClientTimeout(total=60)) as client:
        load = [_ask(run, client, until) for _ in range(CLIENTS)]
        await asyncio.gather(
            *load, _send(run, account, until), _upload(run, account, client, until), _kill(run, seconds)
        )


async def settled(run: Run, account: Account) -> None:
    """Wait until everything that was sent is done or parked and no queue holds anything."""
    await eventually(lambda: run.jobs <= run.done() | run.parked(), 60)
    await eventually(lambda: run.blobs <= run.seen_blobs(), 60)
    for queue in (f"{run.prefix}jobs", f"azure-webjobs-blobtrigger-{run.prefix}host"):
        await eventually(lambda queue=queue: _empty(account, queue), 60)


async def _answers(client: aiohttp.ClientSession) -> bool:
    try:
        async with client.get("/api/ping") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def _empty(account: Account, queue: str) -> bool:
    return await account.depth(queue) == 0


async def _ask(run: Run, client: aiohttp.ClientSession, until: float) -> None:
    while (began := time.monotonic()) < until:
        async with client.get("/api/ping") as response:
            run.answers[response.status] += 1
        run.slowest_s = max(run.slowest_s, time.monotonic() - began)
        await asyncio.sleep(_PAUSE_S / 5)


async def _send(run: Run, account: Account, until: float) -> None:
    while time.monotonic() < until:
        job = f"hold 0.05{len(run.jobs):06d}"
        await account.send(f"{run.prefix}jobs", job)
        run.jobs.add(job)
        await asyncio.sleep(_PAUSE_S)


async def _upload(run: Run, account: Account, client: aiohttp.ClientSession, until: float) -> None:
    while time.monotonic() < until:
        name = f"{run.prefix}{len(run.blobs)}.txt"
        data = {"url": await account.upload("uploads", name, b"x"), "eTag": "0x1", "blobType": "BlockBlob"}
        async with client.post(_WEBHOOK, json=[{"data": data}], headers={"aeg-event-type": "Notification"}) as taken:
            assert taken.status == 202
        run.blobs.add(f"uploads/{name}")
        await asyncio.sleep(_PAUSE_S)


async def _kill(run: Run, times: int) -> None:
    """Each second the oldest worker process that there is, ready or not; where there is none just now, the next one."""
    began = time.monotonic()
    for number in range(1, times + 1):
        await asyncio.sleep(began + number - time.monotonic())  # the rhythm of the kills, not a wait for anything
        pid = await eventually(lambda: next((pid for pid in sorted(run.children()) if pid not in run.killed), 0))
        os.kill(pid, signal.SIGKILL)
        run.killed.append(pid)
