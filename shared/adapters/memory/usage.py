"""The usage ledger as a dictionary of events, summed when asked."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from shared.ports.usage import UNSETTLED, Operation, Source, UsageEvent, UsageTotal

type _Key = tuple[datetime, Source, str, str | None]

_EPOCH = datetime.fromtimestamp(0, UTC)


class MemoryUsageLedger:
    """Implements `UsageLedger`."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, str], UsageEvent] = {}

    async def record(self, event: UsageEvent) -> bool:
        known = self._events.get((event.tenant, event.id))
        if known is not None and not (known.status == UNSETTLED != event.status):
            return False
        self._events[event.tenant, event.id] = event
        return True

    async def totals(
        self, tenant: str, operation: Operation, *, start: datetime, end: datetime, width_s: Literal[60, 3600, 86400]
    ) -> Sequence[UsageTotal]:
        buckets: defaultdict[_Key, list[UsageEvent]] = defaultdict(list)
        for (owner, _), event in self._events.items():
            bucket = _bucket(event.at, width_s)
            if owner == tenant and event.operation == operation and start <= bucket < end:
                buckets[bucket, event.source, event.model, event.key_id].append(event)
        return [_total(key, buckets[key], operation, width_s) for key in sorted(buckets, key=_order)]

    async def disown(self, tenant: str, pseudonym: str, *, month: datetime, limit: int) -> int:
        found = [
            event
            for (owner, _), event in self._events.items()
            if owner == tenant and (event.at.year, event.at.month) == (month.year, month.month)
        ]
        for event in found[:limit]:
            await self.record(replace(event, tenant=pseudonym, key_id=None))
            del self._events[tenant, event.id]
        return len(found[:limit])


def _bucket(moment: datetime, width_s: int) -> datetime:
    width = timedelta(seconds=width_s)
    return _EPOCH + (moment - _EPOCH) // width * width


def _order(key: _Key) -> tuple[datetime, str, str, str]:
    start, source, model, key_id = key
    return start, source, model, key_id or ""


def _total(key: _Key, events: Iterable[UsageEvent], operation: Operation, width_s: int) -> UsageTotal:
    start, source, model, key_id = key
    counted = tuple(events)
    return UsageTotal(
        start=start,
        width_s=width_s,
        operation=operation,
        source=source,
        model=model,
        key_id=key_id,
        requests=len(counted),
        input_tokens=sum(event.input_tokens for event in counted),
        output_tokens=sum(event.output_tokens for event in counted),
        cached_tokens=sum(event.cached_tokens for event in counted),
        reasoning_tokens=sum(event.reasoning_tokens for event in counted),
        cost_microusd=sum(event.cost_microusd for event in counted),
    )
