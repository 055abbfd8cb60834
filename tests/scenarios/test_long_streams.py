"""`make soak`: fifty streams of a minute at once. Every chunk comes, in order, and memory does not grow with them."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from benchmarks import hosted, sides
from benchmarks.processes import rss_mb
from benchmarks.report import machine, percentile
from local.azurite import Azurite, AzuriteConfig

STREAMS = 50
CHUNKS = 600
PACE_S = 0.1
RAMP_S = 2.0
WARM_UP_S = 15.0
MOST_MB_A_MINUTE = 3.0
"""What counts as flat. All that is streamed in the minute would be ten times as much, if it were kept."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one client heard: the texts of its chunks, when the first came, and how it ended."""

    texts: list[str]
    first_ms: float
    ended: list[str]


@pytest_asyncio.fixture(loop_scope="session")
async def product(tmp_path: Path) -> AsyncIterator[sides.Side]:
    """The local host and its worker in processes of their own, so that only theirs is counted."""
    storage = Azurite(AzuriteConfig(data_dir=tmp_path / "azurite"))
    await storage.start()
    upstream, url = await sides.start_upstream()
    await _script(url)
    try:
        side = await hosted.flightdeck(tmp_path, storage.connection_string, url)
        try:
            yield side
        finally:
            await side.stop()
    finally:
        await upstream.stop()
        await storage.stop()


async def _script(url: str) -> None:
    order = {"model": sides.PACED_MODEL, "default": {"chunk_count": CHUNKS, "chunk_delay_s": PACE_S}}
    async with aiohttp.ClientSession() as session, session.post(f"{url}/_script", json=order) as answer:
        answer.raise_for_status()


@pytest.mark.soak
async def test_fifty_streams_of_a_minute_lose_nothing_and_leave_memory_flat(product: sides.Side) -> None:
    samples: list[tuple[float, float, float]] = []
    sampling = asyncio.create_task(_sample(product, samples))
    url = f"{product.base_url}/v1/chat/completions"
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(headers=product.headers, connector=connector, timeout=timeout) as session:
        began = time.monotonic()
        heard = await asyncio.gather(*(_listen(session, url, number * RAMP_S / STREAMS) for number in range(STREAMS)))
        took_s = time.monotonic() - began
    sampling.cancel()
    _print_heard(heard, took_s)
    expected = [f" w{n}" for n in range(CHUNKS)]
    assert [number for number, one in enumerate(heard) if one.texts != expected] == []
    assert [one.ended for one in heard] == [["stop", "[DONE]"]] * STREAMS
    steady = [sample for sample in samples if began + WARM_UP_S <= sample[0] <= began + CHUNKS * PACE_S]
    worker, front = (_slope(steady, column) for column in (1, 2))
    print(f"worker: {steady[-1][1]:.0f} MB, {worker:+.2f} MB/min; host: {steady[-1][2]:.0f} MB, {front:+.2f} MB/min")
    print(machine())
    assert max(worker, front) < MOST_MB_A_MINUTE


async def _listen(session: aiohttp.ClientSession, url: str, begin_s: float) -> Heard:
    """Lines are only kept as they come, and read at the end: a client that reads each at once is the slower side."""
    await asyncio.sleep(begin_s)
    body = {"model": sides.PACED_MODEL, "stream": True, "messages": [{"role": "user", "content": "Speak."}]}
    began = time.monotonic()
    lines: list[bytes] = []
    first_ms = 0.0
    async with session.post(url, json=body) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            if not first_ms and b'" w0"' in line:
                first_ms = (time.monotonic() - began) * 1000
            lines.append(line.strip())
    data = [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]
    choices = [choice for chunk in data[:-1] for choice in json.loads(chunk)["choices"]]
    texts = [text for choice in choices if (text := choice["delta"].get("content"))]
    ended = [reason for choice in choices if (reason := choice["finish_reason"])] + [data[-1].decode()]
    return Heard(texts, first_ms, ended)


async def _sample(product: sides.Side, samples: list[tuple[float, float, float]]) -> None:
    """Once a second: the time, and the megabytes of the worker and of the host before it."""
    while True:
        samples.append((time.monotonic(), rss_mb(product.worker), rss_mb(product.front)))
        await asyncio.sleep(1)


def _slope(samples: Sequence[tuple[float, float, float]], column: int) -> float:
    """Megabytes a minute, by least squares."""
    fit = statistics.linear_regression([sample[0] / 60 for sample in samples], [sample[column] for sample in samples])
    return fit.slope


def _print_heard(heard: Sequence[Heard], took_s: float) -> None:
    firsts = [one.first_ms for one in heard]
    shares = "  ".join(f"p{share * 100:.0f} {percentile(firsts, share):.0f}" for share in (0.1, 0.5, 0.9, 0.99))
    whole = sum(len(one.texts) for one in heard)
    print(f"\n{STREAMS} streams at once, {took_s:.1f} s; {whole} of {STREAMS * CHUNKS} chunks came")
    print(f"first chunk, ms (the model takes {PACE_S * 1000:.0f}): {shares}  max {max(firsts):.0f}")
