"""Scale on paper: the leased rate limiter in simulated time, and how indexing fans out until one limit is met.

`python -m benchmarks.scale`. A model, not a measurement: every constant is named here and repeated in docs/scale.md,
which shows the tables that this prints. Seeded; two runs print the same.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from benchmarks.report import table
from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.rates import MemoryRates
from shared.errors import RateLimitError
from shared.gateway.leases import BURST_S, Lease, Scope
from shared.ports.clock import Clock
from shared.ports.limits import Taken

WRITE_RU, READ_RU = 10.0, 2.0  # a conditional patch; a point read under Strong


class Charged:
    """Implements `Rates` in memory and adds up what Cosmos DB would charge: a patch, and a read where it is refused."""

    def __init__(self, clock: Clock) -> None:
        self._rates = MemoryRates(clock)
        self.ru = 0.0

    async def take(self, scope: str, *, cost_s: float, burst_s: float) -> Taken:
        taken = await self._rates.take(scope, cost_s=cost_s, burst_s=burst_s)
        self.ru += WRITE_RU if taken.granted else WRITE_RU + READ_RU
        return taken


@dataclass(frozen=True, slots=True)
class Limited:
    requests: int
    admitted_tokens: float
    allowed_tokens: float
    ru: float


async def limiter(
    *, instances: int, demand: float, seconds: int = 600, rate: float = 50_000.0, seed: int = 1
) -> Limited:
    """The product's own leases in simulated time. `demand` is what clients ask for, as a multiple of the limit of
    `rate` tokens a second."""
    chance, clock = random.Random(seed), ManualClock()  # noqa: S311
    store, scope = Charged(clock), Scope("tokens", round(rate * 60))
    fleet = [Lease(store, clock, scope) for _ in range(instances)]
    mean, admitted, requests = 2300.0, 0.0, 0
    while clock.monotonic() < seconds:
        clock.advance(chance.expovariate(demand * rate / mean))
        need = chance.uniform(0.2 * mean, 1.8 * mean)
        requests += 1
        with suppress(RateLimitError):
            await chance.choice(fleet).spend(need)
            admitted += need
    return Limited(requests, admitted, (seconds + BURST_S) * rate, store.ru)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one import may use. `chunks_ms` is a worker's CPU for a chunk: extract, cut, hash, send."""

    instances: int = 200
    instances_per_minute: int = 30
    chunks_ms: float = 5.0
    embedding_tpm: int = 1_000_000
    embedding_share: float = 0.5
    chunk_tokens: int = 400
    chunk_ru: float = 60.0
    store_ru: int = 10_000
    queue_messages: int = 2_000
    chunks_per_document: int = 50


def ceilings(has: Capacity) -> dict[str, float]:
    """Chunks a second that each limit allows, everything at its most."""
    return {
        "instances": has.instances * 1000 / has.chunks_ms,
        "embedding tokens": has.embedding_tpm * has.embedding_share / 60 / has.chunk_tokens,
        "store RU": has.store_ru / has.chunk_ru,
        "queue": has.queue_messages / 3 * has.chunks_per_document,  # put, get, delete
    }


def fan_out(chunks: float, has: Capacity) -> tuple[float, str]:
    """Seconds until everything is indexed, second by second as instances arrive, and what bound it longest."""
    most, bound, left, now = ceilings(has), dict.fromkeys(ceilings(has), 0.0), chunks, 0.0
    while left > 0:
        arrived = min(has.instances, 1 + has.instances_per_minute * now / 60)
        limits = most | {"instances": arrived * 1000 / has.chunks_ms}
        name = min(limits, key=limits.__getitem__)
        step = max(1.0, min(left / limits[name], 3600.0 if arrived == has.instances else 1.0))
        left, now = left - limits[name] * step, now + step
        bound[name] += step
    return now, max(bound, key=bound.__getitem__)


SIZES: Sequence[tuple[str, Capacity]] = (
    ("dev: 120k TPM, serverless 5,000 RU/s", Capacity(instances=40, embedding_tpm=120_000, store_ru=5_000)),
    ("prod defaults: 1M TPM, 10,000 RU/s", Capacity()),
    ("prod, import at night: all of 1M TPM", Capacity(embedding_share=1.0)),
    ("10M TPM, 100,000 RU/s", Capacity(embedding_tpm=10_000_000, store_ru=100_000)),
    ("10M TPM, 1,000,000 RU/s", Capacity(embedding_tpm=10_000_000, embedding_share=1.0, store_ru=1_000_000)),
)


def main() -> None:
    rows: list[tuple[object, ...]] = []
    for instances in (1, 8, 50, 200):
        for demand in (0.5, 0.9, 2.0):
            seen = asyncio.run(limiter(instances=instances, demand=demand))
            used = seen.admitted_tokens / seen.allowed_tokens
            rows.append(
                (f"{instances} instances, {demand:g} x the limit", f"{used:.3f}", f"{seen.ru / seen.requests:.2f}")
            )
    print(table(("limiter", "admitted / allowed", "RU a request"), rows), end="\n\n")
    rows = []
    for name, has in SIZES:
        times = [fan_out(chunks, has) for chunks in (1e5, 1e6, 1e7, 1e8)]
        rows.append((name, f"{min(ceilings(has).values()):,.0f}", *(_span(s) for s, _ in times), times[-1][1]))
    print(table(("indexing", "chunks/s", "100 k", "1 M", "10 M", "100 M", "bound by"), rows))


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    main()
