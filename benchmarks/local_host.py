"""What the local Functions host adds to a request and to streams, beside bare uvicorn with the same handler.

`python -m benchmarks.local_host [--rounds 5] [--streams 200] [--check] [--update-docs]`. One run: both sides are up at
once and take turns. Takes about two minutes. `--check` fails above the targets.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from benchmarks import hosted, sides
from benchmarks.load import Scenario, Waits, drive
from benchmarks.report import Spread, machine, percentile, publish, table
from benchmarks.sides import PLAIN_MODEL, Side
from local.azurite import Azurite, AzuriteConfig

_ALONE = Scenario("1 at a time", PLAIN_MODEL, requests=400, concurrency=1)
_MANY = Scenario("32 at a time", PLAIN_MODEL, requests=1600, concurrency=32)
_SHOWN = ((_ALONE, 0.5, "median"), (_ALONE, 0.1, "fastest tenth"), (_MANY, 0.5, "median"))
_PACE_S = 0.1
_CHUNKS = 50
_RAMP_S = 1.0
_MAX_RATIO = 2.5
_MAX_ADDED_MS = 20.0


@dataclass(slots=True)
class _Streams:
    """One round of streams: how late each chunk came, and how many streams did not come whole."""

    late_ms: list[float] = field(default_factory=list[float])
    cut: int = 0


@dataclass(slots=True)
class _Figures:
    """One side's values, one a round."""

    waits: dict[str, list[Waits]] = field(default_factory=dict[str, list[Waits]])
    streams: list[_Streams] = field(default_factory=list[_Streams])
    worker_ms: list[float] = field(default_factory=list[float])  # CPU time a request, 32 at a time
    front_ms: list[float] = field(default_factory=list[float])

    def request_ms(self, scenario: Scenario, share: float) -> list[float]:
        return [waits.total(share) for waits in self.waits[scenario.name]]

    def late_ms(self, share: float) -> list[float]:
        return [percentile(streams.late_ms, share) for streams in self.streams]

    @property
    def cut(self) -> int:
        return sum(streams.cut for streams in self.streams)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local_host", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=200, help="how many at once")
    parser.add_argument("--check", action="store_true", help="fail when a target is missed")
    parser.add_argument("--update-docs", action="store_true", help="write the section of docs/benchmarks.md")
    arguments = parser.parse_args()
    bare, host = asyncio.run(_run(arguments.rounds, arguments.streams))
    publish("local-host", _section(bare, host, arguments.streams), update_docs=arguments.update_docs)
    if arguments.check and (missed := _missed(bare, host)):
        raise SystemExit("Missed: " + "; ".join(missed))


async def _run(rounds: int, streams: int) -> tuple[_Figures, _Figures]:
    with tempfile.TemporaryDirectory(prefix="flightdeck-bench-") as folder:
        async with _both(Path(folder)) as running:
            figures = [_Figures(), _Figures()]
            for side in running:
                await _streams(side, streams)
            for number in range(rounds):
                turn = list(zip(running, figures, strict=True))
                for side, found in turn[:: -1 if number % 2 else 1]:
                    await _round(side, found, streams)
            return figures[0], figures[1]


@asynccontextmanager
async def _both(folder: Path) -> AsyncIterator[list[Side]]:
    async with AsyncExitStack() as stack:
        azurite = Azurite(AzuriteConfig(data_dir=folder / "azurite"))
        stack.push_async_callback(azurite.stop)
        await azurite.start()
        running: list[Side] = []
        for start in (sides.inner(), hosted.hello(folder, azurite.connection_string)):
            running.append(await start)
            stack.push_async_callback(running[-1].stop)
        yield running


async def _round(side: Side, found: _Figures, streams: int) -> None:
    for scenario in (_ALONE, _MANY):
        worker, front = await side.cpu()
        found.waits.setdefault(scenario.name, []).append(await drive(side.target(scenario), scenario))
        worker_after, front_after = await side.cpu()
    found.worker_ms.append((worker_after - worker) / _MANY.requests)
    found.front_ms.append((front_after - front) / _MANY.requests)
    found.streams.append(await _streams(side, streams))


async def _streams(side: Side, count: int) -> _Streams:
    """So many streams at once, begun one after the other."""
    found = _Streams()
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        url = f"{side.base_url}/stream?count={_CHUNKS}&pace_s={_PACE_S}"
        await asyncio.gather(*(_stream(session, url, number * _RAMP_S / count, found) for number in range(count)))
    return found


async def _stream(session: aiohttp.ClientSession, url: str, begin_s: float, found: _Streams) -> None:
    await asyncio.sleep(begin_s)
    seen, whole = 0, False
    try:
        async with session.get(url) as response:
            async for line in response.content:
                if line.startswith(b'data: {"sent":'):
                    sent_ns = int(line.split(b":", 2)[2].split(b",", 1)[0])
                    found.late_ms.append((time.monotonic_ns() - sent_ns) / 1e6)
                    seen += 1
                whole = whole or line.startswith(b"data: [DONE]")
    except aiohttp.ClientError:
        whole = False
    found.cut += not (whole and seen == _CHUNKS)


def _ratios(bare: _Figures, host: _Figures, scenario: Scenario, share: float) -> list[float]:
    return [b / a for a, b in zip(bare.request_ms(scenario, share), host.request_ms(scenario, share), strict=True)]


def _added_ms(bare: _Figures, host: _Figures, share: float) -> list[float]:
    return [b - a for a, b in zip(bare.late_ms(share), host.late_ms(share), strict=True)]


def _missed(bare: _Figures, host: _Figures) -> list[str]:
    slow = [
        f"a request, {scenario.name}"
        for scenario in (_ALONE, _MANY)
        if statistics.median(_ratios(bare, host, scenario, 0.5)) > _MAX_RATIO
    ]
    late = [] if statistics.median(_added_ms(bare, host, 0.5)) <= _MAX_ADDED_MS else ["the median chunk"]
    return slow + late + (["streams were cut"] if host.cut else [])


def _section(bare: _Figures, host: _Figures, streams: int) -> str:
    requests = [
        (
            f"request, {scenario.name}, {name}, ms",
            Spread.of(bare.request_ms(scenario, share)),
            Spread.of(host.request_ms(scenario, share)),
            f"{Spread.of(_ratios(bare, host, scenario, share))} x",
        )
        for scenario, share, name in _SHOWN
    ]
    chunks = [
        (
            f"chunk of {streams} streams, {name}, ms late",
            Spread.of(bare.late_ms(share)),
            Spread.of(host.late_ms(share)),
            f"+{Spread.of(_added_ms(bare, host, share))} ms",
        )
        for name, share in (("median", 0.5), ("p99", 0.99))
    ]
    cpu = [
        ("CPU a request, 32 at a time, worker, ms", Spread.of(bare.worker_ms), Spread.of(host.worker_ms), ""),
        ("the same, host, ms", "", Spread.of(host.front_ms), ""),
    ]
    cut = (f"streams cut, of {streams} in each round", bare.cut, host.cut, "")
    missed = "; ".join(_missed(bare, host))
    return "\n\n".join(
        [
            f"Median (lowest-highest) of {len(host.streams)} rounds of one run. A stream has {_CHUNKS} chunks, one "
            f"every {_PACE_S * 1000:.0f} ms; each says when it was sent. Targets: at the median {_MAX_RATIO} x for a "
            f"request and {_MAX_ADDED_MS:.0f} ms for a chunk, no stream cut. Missed in this run: {missed or 'none'}.",
            table(["", "bare uvicorn", "local host", "between them"], [*requests, *chunks, cut, *cpu]),
            machine(),
        ]
    )


if __name__ == "__main__":
    main()
