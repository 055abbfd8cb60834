"""What a tenant may spend in a month, held against the ledger.

The ledger is read once in `FRESH_S` and beside the calls, so a budget can be overspent by what all instances spend
within that time and what is on its way to the ledger. When it cannot be read for `STALE_S`, calls are refused: a budget
fails closed, where rates fail open.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.errors import OverloadedError, PlatformError, QuotaError
from shared.ports.clock import Clock
from shared.ports.policies import PolicyRecord
from shared.ports.usage import Operation, UsageLedger

log = logging.getLogger(__name__)

FRESH_S = 10.0
STALE_S = 120.0
_THRESHOLDS = (1.0, 0.8)
_OPERATIONS: tuple[Operation, ...] = ("completions", "embeddings")
_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class _Reading:
    month: datetime
    spent_microusd: int
    at: float


class Budgets:
    def __init__(self, ledger: UsageLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._readings: dict[str, _Reading] = {}
        self._looking: dict[str, asyncio.Task[_Reading]] = {}
        self._told: dict[tuple[str, datetime], float] = {}

    async def check(self, policy: PolicyRecord) -> None:
        """Raise QuotaError when the month's budget is spent, OverloadedError when nobody knows what was."""
        if policy.budget_microusd is None:
            return
        reading = await self._reading(policy.tenant)
        self._tell(policy, policy.budget_microusd, reading)
        if reading.spent_microusd >= policy.budget_microusd:
            raise QuotaError(
                f"You exceeded your current quota: of ${policy.budget_microusd / 1e6:.2f} for this month"
                f" ${reading.spent_microusd / 1e6:.2f} are spent. Ask the operator to raise the budget of"
                f" {policy.tenant!r}, or wait for the next month (UTC)."
            )

    async def _reading(self, tenant: str) -> _Reading:
        known, month = self._readings.get(tenant), _month(self._clock.now())
        age_s = float("inf") if known is None else self._clock.monotonic() - known.at
        if known is None or known.month != month or age_s >= STALE_S:
            return await self._wait(tenant)
        if age_s >= FRESH_S:
            self._look(tenant)
        return known

    async def _wait(self, tenant: str) -> _Reading:
        try:
            return await asyncio.shield(self._look(tenant))
        except PlatformError as error:
            raise OverloadedError(
                f"What {tenant!r} has spent this month cannot be read: {error}", retry_after_s=5
            ) from error

    def _look(self, tenant: str) -> asyncio.Task[_Reading]:
        """Those who ask at once share one look-up."""
        looking = self._looking.get(tenant)
        if looking is None:
            looking = self._looking[tenant] = asyncio.create_task(self._read(tenant))
            looking.add_done_callback(lambda done: self._ended(tenant, done))
        return looking

    def _ended(self, tenant: str, done: asyncio.Task[_Reading]) -> None:
        del self._looking[tenant]
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            log.warning("budget of %s as it was read last: %s", tenant, error)
            return
        self._readings[tenant] = done.result()

    async def _read(self, tenant: str) -> _Reading:
        now, at = self._clock.now(), self._clock.monotonic()
        month = _month(now)
        found = await asyncio.gather(
            *(self._ledger.totals(tenant, name, start=month, end=now, width_s=_DAY_S) for name in _OPERATIONS)
        )
        return _Reading(month, sum(total.cost_microusd for totals in found for total in totals), at)

    def _tell(self, policy: PolicyRecord, budget: int, reading: _Reading) -> None:
        """Once an instance for each threshold of a month; an alert asks for this line."""
        share = reading.spent_microusd / budget if budget else 1.0
        crossed = next((threshold for threshold in _THRESHOLDS if share >= threshold), 0.0)
        if crossed > self._told.get((policy.tenant, reading.month), 0.0):
            self._told[policy.tenant, reading.month] = crossed
            log.warning("budget reached=%.0f%% tenant=%s budget_microusd=%s", crossed * 100, policy.tenant, budget)


def _month(now: datetime) -> datetime:
    return datetime(now.year, now.month, 1, tzinfo=UTC)
