"""Limits under many instances: 8 processes over one store, within the limit and then at twice of it; one is killed.

`python -m benchmarks.limits [--instances 8] [--seconds 90] [--check] [--update-docs]`. Each process has its own leases
over the embedded store and asks at random moments. Every admission is written to a file before the next is asked for;
the files are merged afterwards, and every rolling minute of them is looked at.
"""

import argparse
import asyncio
import multiprocessing
import random
import signal
import struct
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import ROOT, machine, publish, table
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.rates import SqliteRates
from shared.adapters.system import SystemClock
from shared.errors import RateLimitError
from shared.gateway.leases import BURST_S
from shared.gateway.limiter import Limit, Limiter
from shared.ports.keys import Caller
from shared.ports.limits import Taken

DOCS = ROOT / "docs" / "limits.md"
PER_MINUTE = 600_000
_TOKENS = (100, 900)
_STEADY, _TWICE = 0.8, 2.0
"""What all instances ask for together, as a share of the limit."""

_ADMISSION = struct.Struct("<di")
_MAX_OPERATIONS = 0.5


@dataclass(slots=True)
class _CountedRates:
    """The store, counting what it is asked."""

    rates: SqliteRates
    asked: int = 0

    async def take(self, scope: str, *, cost_s: float, burst_s: float) -> Taken:
        self.asked += 1
        return await self.rates.take(scope, cost_s=cost_s, burst_s=burst_s)


@dataclass(frozen=True, slots=True)
class _Figures:
    a_minute: int
    most_in_a_minute: int
    asked: int
    operations: int

    @property
    def operations_a_call(self) -> float:
        return self.operations / self.asked


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--instances", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--check", action="store_true", help="fail when a target is missed")
    parser.add_argument("--update-docs", action="store_true", help="write the table of docs/limits.md")
    arguments = parser.parse_args()
    steady, twice = (run(arguments.instances, arguments.seconds, load) for load in (_STEADY, _TWICE))
    publish("limits", _section(steady, twice, arguments), update_docs=arguments.update_docs, page=DOCS)
    if arguments.check and (missed := _missed(steady, twice)):
        raise SystemExit("Missed: " + "; ".join(missed))


def bound() -> int:
    """What a rolling minute may hold: the limit, and what may lie a burst behind its start and ahead of its end."""
    return PER_MINUTE + round(2 * BURST_S * PER_MINUTE / 60)


def run(instances: int, seconds: float, load: float) -> _Figures:
    """One of the processes is killed with SIGKILL in the middle."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="flightdeck-bench-") as name:
        folder = Path(name)
        until = time.time() + seconds
        processes = [
            spawn.Process(target=_instance, args=(folder, number, until, load / instances))
            for number in range(instances)
        ]
        for process in processes:
            process.start()
        time.sleep(seconds / 2)
        processes[0].kill()
        for process in processes:
            process.join()
        if [process.exitcode for process in processes] != [-signal.SIGKILL, *[0] * (instances - 1)]:
            raise SystemExit("An instance failed.")
        return _figures(folder, seconds)


def _instance(folder: Path, number: int, until: float, load: float) -> None:
    asyncio.run(_ask(folder, number, until, load))


async def _ask(folder: Path, number: int, until: float, load: float) -> None:
    clock, database = SystemClock(), SqliteDatabase(folder / "store.db", patience_s=30)
    rates = _CountedRates(SqliteRates(database, clock))
    limiter = Limiter(rates, clock, [Limit(tokens=PER_MINUTE)])
    chance, asked = random.Random(number), 0  # noqa: S311 -- seeded
    calls_a_second = load * PER_MINUTE / 60 / (sum(_TOKENS) / 2)
    with (folder / f"{number}.admitted").open("ab", buffering=0) as admitted:
        while time.time() < until:
            await asyncio.sleep(chance.expovariate(calls_a_second))
            tokens = chance.randint(*_TOKENS)
            asked += 1
            with suppress(RateLimitError):
                await limiter.admit(Caller("t", "k"), "m", input_tokens=tokens, max_output_tokens=0)
                admitted.write(_ADMISSION.pack(time.time(), tokens))
    (folder / f"{number}.counts").write_text(f"{asked} {rates.asked}")
    await database.close()


def _figures(folder: Path, seconds: float) -> _Figures:
    found = [admission for file in folder.glob("*.admitted") for admission in _ADMISSION.iter_unpack(file.read_bytes())]
    counts = [file.read_text().split() for file in folder.glob("*.counts")]
    return _Figures(
        a_minute=round(sum(tokens for _, tokens in found) / seconds * 60),
        most_in_a_minute=_most(sorted(found)),
        asked=sum(int(asked) for asked, _ in counts),
        operations=sum(int(operations) for _, operations in counts),
    )


def _most(admissions: Sequence[tuple[float, int]], window_s: float = 60) -> int:
    """The most tokens that any rolling window holds."""
    window: deque[tuple[float, int]] = deque()
    held = most = 0
    for moment, tokens in admissions:
        window.append((moment, tokens))
        held += tokens
        while window[0][0] <= moment - window_s:
            held -= window.popleft()[1]
        most = max(most, held)
    return most


def _section(steady: _Figures, twice: _Figures, arguments: argparse.Namespace) -> str:
    rows = [
        ("most tokens in any rolling 60 s", steady.most_in_a_minute, twice.most_in_a_minute, f"at most {bound()}"),
        ("tokens a minute, whole run", steady.a_minute, twice.a_minute, ""),
        ("store operations a call", steady.operations_a_call, twice.operations_a_call, f"steady: < {_MAX_OPERATIONS}"),
    ]
    header = ("", f"asked for {_STEADY:.0%} of the limit", f"asked for {_TWICE:.0%}", "bound")
    setting = (
        f"{arguments.instances} processes for {arguments.seconds:g} s each, one killed half-way; "
        f"the limit is {PER_MINUTE} tokens a minute."
    )
    return f"{setting}\n\n{table(header, rows)}\n\n{machine()}"


def _missed(steady: _Figures, twice: _Figures) -> list[str]:
    missed = [
        f"{figures.most_in_a_minute} tokens in a minute, the bound is {bound()}"
        for figures in (steady, twice)
        if figures.most_in_a_minute > bound()
    ]
    if steady.operations_a_call >= _MAX_OPERATIONS:
        missed.append(f"{steady.operations_a_call:.2f} store operations a call")
    return missed


if __name__ == "__main__":
    main()
