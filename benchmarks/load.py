"""Load on one side: so many requests, so many at a time; every answer is checked, every wait is noted."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from benchmarks.report import percentile

PROMPT = "Explain in a few words why spring tides are higher than neap tides, and when they occur. " * 4


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of request at one concurrency."""

    name: str
    model: str
    requests: int
    concurrency: int
    stream_chunks: int = 0

    @property
    def body(self) -> bytes:
        body: dict[str, object] = {"model": self.model, "messages": [{"role": "user", "content": PROMPT}]}
        return json.dumps(body | {"stream": True} if self.stream_chunks else body).encode()


@dataclass(slots=True)
class Waits:
    """Milliseconds that clients waited."""

    first_ms: list[float] = field(default_factory=list)
    total_ms: list[float] = field(default_factory=list)

    def first(self, share: float) -> float:
        return percentile(self.first_ms, share)

    def total(self, share: float) -> float:
        return percentile(self.total_ms, share)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send a scenario's requests; a refusal is a fine answer where `status` says so."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    status: int = 200


async def drive(target: Target, scenario: Scenario) -> Waits:
    waits = Waits()
    left = iter(range(scenario.requests))
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def client() -> None:
            for _ in left:
                await _call(session, target, scenario, waits)

        await asyncio.gather(*(client() for _ in range(scenario.concurrency)))
    return waits


async def _call(session: aiohttp.ClientSession, target: Target, scenario: Scenario, waits: Waits) -> None:
    headers = {"Content-Type": "application/json", **target.headers}
    body = target.body if target.body is not None else scenario.body
    began = time.perf_counter()
    async with session.post(target.url, data=body, headers=headers) as response:
        received = bytearray(await response.content.readany())
        waits.first_ms.append((time.perf_counter() - began) * 1000)
        async for piece in response.content.iter_any():
            received += piece
    waits.total_ms.append((time.perf_counter() - began) * 1000)
    _check(response.status, bytes(received), target, scenario)


def _check(status: int, received: bytes, target: Target, scenario: Scenario) -> None:
    if status != target.status:
        raise SystemExit(f"{target.url} answered {status}: {received[:500].decode(errors='replace')}")
    if status != 200:
        return
    if not scenario.stream_chunks:
        json.loads(received)["choices"]
        return
    contents = received.count(b'" w')  # every scripted token begins so, however a gateway writes its JSON
    if contents < scenario.stream_chunks or b"data: [DONE]" not in received:
        raise SystemExit(f"{target.url} lost events: {contents} of {scenario.stream_chunks}.")
