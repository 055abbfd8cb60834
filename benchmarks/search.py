"""Hybrid search with tenant and ACL filter: the embedded store behind its port, beside the plain design in SQL.

`python -m benchmarks.search [--sizes 10000,100000] [--queries 100] [--rounds 3] [--data FOLDER] [--check]
[--update-docs]`. One run: for each size both stores hold the same passages, each in a process of its own, and take
turns. Takes about five minutes on a machine that does nothing else, `--sizes 300000` ten more. `--data` keeps the
stores and finds them again: for work on searching, not on how chunks are stored. `--check` fails above the targets, at
100,000 chunks.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import Any

from benchmarks import synthetic
from benchmarks.processes import anonymous_mb, module
from benchmarks.quality import recall
from benchmarks.report import ROOT, Spread, machine, percentile, publish, table
from benchmarks.search_stores import OTHER_TENANT, SIDES, TENANT

_LIMIT = 40
_PASSAGES = 10
_KINDS = {"keywords": "rare words", "sentence": "a sentence"}
_BATCH = 250
_CHECKED_SIZE = 100_000
_MAX_RATIO = 0.7
_MIN_RECALL = 0.99
_LONGEST_LINE = 2**26


@dataclass(slots=True)
class _Figures:
    """One side at one size. Waits are lists of milliseconds, one a round, by kind of question."""

    waits_ms: dict[str, list[list[float]]] = field(default_factory=dict[str, list[list[float]]])
    cpu_ms: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    found: list[list[int]] = field(default_factory=list[list[int]])
    memory_mb: float = 0.0
    file_mb: float = 0.0

    def waited(self, kind: str, share: float) -> list[float]:
        return [percentile(waits, share) for waits in self.waits_ms[kind]]


@dataclass(frozen=True, slots=True)
class _Compared:
    size: int
    plain: _Figures
    flightdeck: _Figures
    nearest: list[list[int]]

    def ratio(self, kind: str, share: float) -> Spread:
        pairs = zip(self.flightdeck.waited(kind, share), self.plain.waited(kind, share), strict=True)
        return Spread.of([ours / theirs for ours, theirs in pairs])

    def cpu_ratio(self, kind: str) -> Spread:
        pairs = zip(self.flightdeck.cpu_ms[kind], self.plain.cpu_ms[kind], strict=True)
        return Spread.of([ours / theirs for ours, theirs in pairs])

    def recall(self, side: _Figures, count: int) -> float:
        shares = [recall(f, n, count) for f, n in zip(side.found, self.nearest, strict=True)]
        return sum(shares) / len(shares)


@dataclass(frozen=True, slots=True)
class _Worker:
    process: asyncio.subprocess.Process

    async def ask(self, kind: str) -> dict[str, Any]:
        self.process.stdin.write(f"{kind}\n".encode())
        line = await self.process.stdout.readline()
        if not line:
            raise SystemExit("A side of the benchmark ended; its output is above.")
        return json.loads(line)

    async def stop(self) -> None:
        self.process.stdin.close()
        await self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--sizes", default="10000,100000", help="chunks in the searched vector store")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="keep the stores in this folder, and use those that are there")
    parser.add_argument("--check", action="store_true", help="fail when a target is missed")
    parser.add_argument("--update-docs", action="store_true", help="write the section of docs/benchmarks.md")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.sizes.split(",")]
    found = asyncio.run(_run(sizes, arguments.queries, arguments.rounds, arguments.data))
    missed = [sentence for compared in found if compared.size == _CHECKED_SIZE for sentence in _missed(compared)]
    section = _section(found, missed, queries=arguments.queries, rounds=arguments.rounds)
    publish("search", section, update_docs=arguments.update_docs)
    if arguments.check and missed:
        raise SystemExit("Missed: " + "; ".join(missed))


async def _run(sizes: Sequence[int], queries: int, rounds: int, data: Path | None) -> list[_Compared]:
    with tempfile.TemporaryDirectory(prefix="flightdeck-bench-") as scratch:
        folder = data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        return [await _compare(size, queries, rounds, folder) for size in sizes]


async def _compare(size: int, queries: int, rounds: int, folder: Path) -> _Compared:
    paths = {side: folder / f"{side}-{size}.db" for side in SIDES}
    nearest = await _prepare(size, paths, synthetic.questions(queries))
    figures = {side: _Figures(file_mb=path.stat().st_size / 1e6) for side, path in paths.items()}
    async with _workers(paths, queries) as workers:
        for kind in _KINDS:
            await _rounds(kind, rounds, workers, figures)
        for side, worker in workers.items():
            figures[side].memory_mb = anonymous_mb(worker.process.pid)
    return _Compared(size, figures["plain"], figures["flightdeck"], nearest)


async def _prepare(size: int, paths: dict[str, Path], asked: list[synthetic.Question]) -> list[list[int]]:
    """Write what is not there yet, in one pass over the passages; a tenth as many belong to another tenant."""
    print(f"{size} chunks: writing ...", flush=True)
    exact = synthetic.Exact(asked, _LIMIT)
    stores = [SIDES[side](path) for side, path in paths.items() if not path.exists()]
    for documents in batched(synthetic.documents(size), _BATCH, strict=False):
        for store in stores:
            await store.write(TENANT, documents)
        for document in documents:
            exact.see(document)
    for store in stores:
        await store.write(OTHER_TENANT, synthetic.documents(size // 10))
        await store.close()
    return exact.nearest()


@asynccontextmanager
async def _workers(paths: dict[str, Path], queries: int) -> AsyncIterator[dict[str, _Worker]]:
    async with AsyncExitStack() as stack:
        workers: dict[str, _Worker] = {}
        for side, path in paths.items():
            command = module("benchmarks.searching", side, str(path), str(queries), str(_LIMIT))
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, stdin=pipe, stdout=pipe, limit=_LONGEST_LINE
            )
            workers[side] = _Worker(process)
            stack.push_async_callback(workers[side].stop)
        yield workers


async def _rounds(kind: str, rounds: int, workers: dict[str, _Worker], figures: dict[str, _Figures]) -> None:
    """One round to warm up, then each side in turn, each round beginning with another."""
    for side, worker in workers.items():
        figures[side].found = (await worker.ask(kind))["by_vector"]
    for number in range(rounds):
        for side in sorted(workers, reverse=number % 2 == 1):
            answer = await workers[side].ask(kind)
            figures[side].waits_ms.setdefault(kind, []).append(answer["waits_ms"])
            figures[side].cpu_ms.setdefault(kind, []).append(answer["cpu_ms"])
    print(f"  {kind}: done", flush=True)


def _missed(compared: _Compared) -> list[str]:
    ratio, found = compared.ratio("keywords", 0.5), compared.recall(compared.flightdeck, _PASSAGES)
    missed: list[str] = []
    if ratio.middle > _MAX_RATIO:
        missed.append(f"p50 is {ratio.middle:.2f} of the plain design's, over {_MAX_RATIO}")
    if found < _MIN_RECALL:
        missed.append(f"recall is {found:.3f}, under {_MIN_RECALL}")
    return missed


def _section(found: Sequence[_Compared], missed: Sequence[str], *, queries: int, rounds: int) -> str:
    parts = [
        f"{queries} questions in each of {rounds} rounds of one run, median (lowest-highest) of the rounds. Each asks "
        f"for the {_LIMIT} nearest and the {_LIMIT} best matching passages with their texts, which is what a search for"
        f" {_PASSAGES} passages asks of the store. Target at 100,000 chunks, for rare words: p50 at most {_MAX_RATIO}"
        f" of the plain design's; recall at least {_MIN_RECALL}."
        + (f" Missed: {'; '.join(missed)}." if missed else ""),
        table(
            ("hybrid search, ms", "plain p50", "ours p50", "plain p99", "ours p99", "**p50, ours / plain**"),
            _waits(found),
        ),
        table(("CPU ms a search", "plain", "ours", "ours / plain"), _cpu(found)),
        table(("recall of exact, memory", "recall@10", f"recall@{_LIMIT}", "heap MB", "file MB"), _sizes(found)),
    ]
    return "\n\n".join([*parts, machine()])


def _waits(found: Sequence[_Compared]) -> list[list[object]]:
    return [
        [
            f"{one.size:,} chunks, {words}",
            *(Spread.of(side.waited(kind, share)) for share in (0.5, 0.99) for side in (one.plain, one.flightdeck)),
            f"**{one.ratio(kind, 0.5)}**",
        ]
        for one in found
        for kind, words in _KINDS.items()
    ]


def _cpu(found: Sequence[_Compared]) -> list[list[object]]:
    return [
        [
            f"{one.size:,} chunks, {words}",
            *(Spread.of(side.cpu_ms[kind]) for side in (one.plain, one.flightdeck)),
            one.cpu_ratio(kind),
        ]
        for one in found
        for kind, words in _KINDS.items()
    ]


def _sizes(found: Sequence[_Compared]) -> list[list[object]]:
    return [
        [
            f"{one.size:,} chunks, {name}",
            *(f"{one.recall(side, count):.3f}" for count in (_PASSAGES, _LIMIT)),
            side.memory_mb,
            side.file_mb,
        ]
        for one in found
        for name, side in (("plain", one.plain), ("ours", one.flightdeck))
    ]


if __name__ == "__main__":
    main()
