"""Programs under measurement: start, wait until they listen, read their CPU time and memory, stop by pid."""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.report import ROOT

_CPUCLOCK_SCHED = 2
_PR_SET_PDEATHSIG = 1
_STILL_MS = 5.0
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
_PROC = Path("/proc")


class Program:
    """One child process, the head of its own group; its output goes to a file that is shown when it fails."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], *, port: int | None = None, env: Mapping[str, str] | None = None
    ) -> "Program":
        log = Path(tempfile.mkdtemp(prefix="flightdeck-bench-"), f"{name}.log")
        with log.open("wb") as output:  # noqa: ASYNC230 -- once, before anything is measured
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=ROOT,
                env={**_inherited(), **(env or {})},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        program = cls(name, process, log)
        if port is not None:
            await program.listening(port)
        return program

    async def listening(self, port: int, timeout_s: float = 120) -> None:
        deadline = time.monotonic() + timeout_s
        while not _accepts(port):
            if self._process.returncode is not None or time.monotonic() > deadline:
                await self.stop()
                raise SystemExit(f"{self.name} does not listen on its port:\n{self.output()[-3000:]}")
            await asyncio.sleep(0.05)

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 15)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()
        shutil.rmtree(self._log.parent, ignore_errors=True)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _inherited() -> dict[str, str]:
    """This environment without what would change how Python runs, such as a ban on bytecode."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FLIGHTDECK_"))}


def module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = _fields(stat)
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:
        found.extend(children.get(parent, []))
    return found


def command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def cpu_ms(pids: Iterable[int]) -> float:
    """User and system time of these processes, of threads that ended too: summing live ones would lose them."""
    return sum(_cpu_ms(pid) for pid in pids)


def _cpu_ms(pid: int) -> float:
    """What /proc/<pid>/stat says in ticks, from the same counters in nanoseconds (clock_getcpuclockid(3))."""
    with contextlib.suppress(OSError):
        return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED) / 1e6
    return 0.0


def rss_mb(pids: Iterable[int]) -> float:
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE_MB
    return total


def anonymous_mb(pid: int) -> float:
    """What a process keeps in memory of its own, without pages of files that it has mapped (proc_pid_status(5))."""
    with contextlib.suppress(OSError):
        for line in (_PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _fields(stat: Path) -> list[str]:
    """The fields of /proc/<pid>/stat after the name: state, ppid, ... (proc_pid_stat(5), minus three)."""
    return stat.read_text().rpartition(")")[2].split()


async def settled_cpu_ms(pids: Sequence[int], *, still_s: float = 0.15, patience_s: float = 5) -> float:
    """CPU time once these processes have come to rest: what they do after the answer is part of its price."""
    deadline = time.monotonic() + patience_s
    before = cpu_ms(pids)
    while time.monotonic() < deadline:
        await asyncio.sleep(still_s)
        now = cpu_ms(pids)
        if now - before <= _STILL_MS:
            return now
        before = now
    return before
