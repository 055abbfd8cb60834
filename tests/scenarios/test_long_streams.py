"""`make soak`: fifty streams of a minute at once. Every chunk comes, in order, and memory does not grow with them."""

import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from benchmarks import sides
from benchmarks.report import machine, percentile
from tests.scenarios.measured import measured, watched

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


@pytest.mark.soak
async def test_fifty_streams_of_a_minute_lose_nothing_and_leave_memory_flat(tmp_path: Path) -> None:
    order = {"model": sides.PACED_MODEL, "default": {"chunk_count": CHUNKS, "chunk_delay_s": PACE_S}}
    connector, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=300)
    async with measured(tmp_path, order) as product, watched(product, 1) as samples:
        url = f"{product.base_url}/v1/chat/completions"
        async with aiohttp.ClientSession(headers=product.headers, connector=connector, timeout=timeout) as session:
            began = time.monotonic()
            starts = (number * RAMP_S / STREAMS for number in range(STREAMS))
            heard = await asyncio.gather(*(_listen(session, url, start_s) for start_s in starts))
            took_s = time.monotonic() - began
    _print_heard(heard, took_s)
    expected = [f" w{n}" for n in range(CHUNKS)]
    assert [number for number, one in enumerate(heard) if one.texts != expected] == []
    assert [one.ended for one in heard] == [["stop", "[DONE]"]] * STREAMS
    steady = [sample for sample in samples if began + WARM_UP_S <= sample.at <= began + CHUNKS * PACE_S]
    minutes = [sample.at / 60 for sample in steady]
    worker, host = _slope(minutes, [one.worker_mb for one in steady]), _slope(minutes, [one.host_mb for one in steady])
    last = steady[-1]
    print(f"worker: {last.worker_mb:.0f} MB, {worker:+.2f} MB/min; host: {last.host_mb:.0f} MB, {host:+.2f} MB/min")
    print(machine())
    assert max(worker, host) < MOST_MB_A_MINUTE


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


def _slope(minutes: Sequence[float], megabytes: Sequence[float]) -> float:
    """Megabytes a minute, by least squares."""
    return statistics.linear_regression(minutes, megabytes).slope


def _print_heard(heard: Sequence[Heard], took_s: float) -> None:
    firsts = [one.first_ms for one in heard]
    shares = "  ".join(f"p{share * 100:.0f} {percentile(firsts, share):.0f}" for share in (0.1, 0.5, 0.9, 0.99))
    whole = sum(len(one.texts) for one in heard)
    print(f"\n{STREAMS} streams at once, {took_s:.1f} s; {whole} of {STREAMS * CHUNKS} chunks came")
    print(f"first chunk, ms (the model takes {PACE_S * 1000:.0f}): {shares}  max {max(firsts):.0f}")
