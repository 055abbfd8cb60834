"""Once a day: whether the sums that reports and budgets read are those of the events they were made from.

The ledger sums minutes from the events themselves and hours from what it keeps beside them, so the two tell on each
other. Nothing is changed: a difference is a fault of ours, for a person to look into.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal, Protocol

from shared.errors import CapacityError, NotFoundError, PreconditionFailedError
from shared.ports.clock import Clock
from shared.ports.records import CursorRecord, Records, Stored
from shared.ports.usage import Operation, UsageLedger, UsageTotal

log = logging.getLogger(__name__)

_CURSOR = "reconcile_usage"
_OPERATIONS: tuple[Operation, ...] = ("completions", "embeddings")
_GROUP = ("source", "model", "key_id")
_SUMS = tuple(one.name for one in fields(UsageTotal) if one.name not in ("start", "width_s", "operation", *_GROUP))

type _Sums = Mapping[tuple[str, str, str | None], tuple[int, ...]]


class Registry(Protocol):
    async def after(self, tenant: str | None) -> str | None:
        """The tenant that comes next, by name; the first for None; None after the last."""
        ...


@dataclass(frozen=True, slots=True)
class UsageReconciler:
    """`days` of the past are compared, whole ones only: today's last hours are still being written."""

    ledger: UsageLedger
    cursors: Records[CursorRecord]
    tenants: Registry
    clock: Clock
    days: int = 2
    budget_s: float = 240

    async def run(self) -> int:
        """Go on where the last run stopped, for the budget or to the last tenant. How many sums were amiss."""
        began, amiss, seen = self.clock.monotonic(), 0, 0
        try:
            stored = await self._cursor()
            tenant = await self.tenants.after(stored.value.position or None)
            while tenant is not None and (seen == 0 or self.clock.monotonic() - began < self.budget_s):
                amiss, seen = amiss + await self._tenant(tenant), seen + 1
                stored = await self.cursors.replace(CursorRecord(_CURSOR, tenant), if_match=stored.etag)
                tenant = await self.tenants.after(tenant)
            if tenant is None:
                await self.cursors.replace(CursorRecord(_CURSOR, ""), if_match=stored.etag)
        except (CapacityError, PreconditionFailedError) as error:
            log.info("the comparison goes on with the next run reason=%s", error)
        log.info("usage_reconciled tenants=%s amiss=%s", seen, amiss)
        return amiss

    async def _cursor(self) -> Stored[CursorRecord]:
        fresh = CursorRecord(_CURSOR, "")
        try:
            return await self.cursors.get(fresh.tenant, fresh.id)
        except NotFoundError:
            return await self.cursors.create(fresh)

    async def _tenant(self, tenant: str) -> int:
        today = self.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        days = [today - timedelta(days=back) for back in range(self.days, 0, -1)]
        return sum([await self._day(tenant, operation, day) for day in days for operation in _OPERATIONS])

    async def _day(self, tenant: str, operation: Operation, day: datetime) -> int:
        events, kept = [await self._sums(tenant, operation, day, width_s) for width_s in (60, 3600)]
        nothing = (0,) * len(_SUMS)
        amiss = [group for group in events.keys() | kept.keys() if events.get(group) != kept.get(group)]
        for group in amiss:
            log.error(
                "usage_differs tenant=%s day=%s operation=%s group=%s sums=%s events=%s kept=%s",
                *(tenant, f"{day:%Y-%m-%d}", operation, group, _SUMS),
                *(events.get(group, nothing), kept.get(group, nothing)),
            )
        return len(amiss)

    async def _sums(self, tenant: str, operation: Operation, day: datetime, width_s: Literal[60, 3600]) -> _Sums:
        end = day + timedelta(days=1)
        return _by_group(await self.ledger.totals(tenant, operation, start=day, end=end, width_s=width_s))


def _by_group(totals: Iterable[UsageTotal]) -> _Sums:
    sums: dict[tuple[str, str, str | None], tuple[int, ...]] = {}
    for total in totals:
        group = (total.source, total.model, total.key_id)
        counts = tuple(getattr(total, name) for name in _SUMS)
        before = sums.get(group, (0,) * len(counts))
        sums[group] = tuple(was + more for was, more in zip(before, counts, strict=True))
    return sums
