"""The local host and its worker in processes of their own, so that only theirs is counted."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks import hosted, sides
from benchmarks.processes import rss_mb
from local.azurite import Azurite, AzuriteConfig


@dataclass(frozen=True, slots=True)
class Sample:
    """Megabytes that were held `at` a moment of the monotonic clock."""

    at: float
    worker_mb: float
    host_mb: float


@asynccontextmanager
async def measured(tmp_path: Path, order: dict[str, object]) -> AsyncGenerator[sides.Side]:
    """The product over a model server that was given the `order`."""
    storage = Azurite(AzuriteConfig(data_dir=tmp_path / "azurite"))
    await storage.start()
    upstream, url = await sides.start_upstream()
    async with aiohttp.ClientSession() as session, session.post(f"{url}/_script", json=order) as answer:
        answer.raise_for_status()
    try:
        side = await hosted.flightdeck(tmp_path, storage.connection_string, url)
        try:
            yield side
        finally:
            await side.stop()
    finally:
        await upstream.stop()
        await storage.stop()


@asynccontextmanager
async def watched(product: sides.Side, every_s: float) -> AsyncGenerator[list[Sample]]:
    """What product and host hold, looked at while the block runs."""
    samples = [_sample(product)]

    async def look() -> None:
        while True:
            await asyncio.sleep(every_s)
            samples.append(_sample(product))

    looking = asyncio.create_task(look())
    try:
        yield samples
    finally:
        looking.cancel()


def _sample(product: sides.Side) -> Sample:
    return Sample(time.monotonic(), rss_mb(product.worker), rss_mb(product.front))
