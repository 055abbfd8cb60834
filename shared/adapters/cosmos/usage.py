"""The usage ledger: one transactional batch an event, in the partition of its tenant and month.

Event and sums are written together or not at all. Numbers are doubles to the service, so money, which may pass 2^53,
is kept in two halves. A replay of the batch is refused at the event, whoever wrote it: the event's mark tells who.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal, cast
from uuid import uuid4

from shared.adapters.cosmos import names, operations
from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import EVENT_TTL_S, USAGE
from shared.adapters.cosmos.failures import CONFLICT, NOT_FOUND, RejectedError
from shared.adapters.cosmos.operations import Item
from shared.adapters.cosmos.partition import Partition
from shared.errors import OverloadedError
from shared.ports.usage import UNSETTLED, Operation, Source, UsageEvent, UsageTotal

_EPOCH = datetime.fromtimestamp(0, UTC)
_HOUR_S = 3600
_ROUNDS = 6
_HALF_BITS = 26
_COUNTS = ("requests", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_high", "cost_low")

_OUTCOME = ("mark", "status", "estimated", "ttft_ms", "duration_ms")
_IS_ESTIMATE = f"FROM c WHERE c.status = {UNSETTLED}"

_COLUMNS = ", ".join(f"c.{name}" for name in ("source", "model", "key_id", *_COUNTS))
_BY_HOUR = f"""
SELECT c.hour_s AS at_s, {_COLUMNS} FROM c
WHERE c.kind = @kind AND c.operation = @operation AND c.hour_s >= @start_s AND c.hour_s < @end_s
"""  # noqa: S608 -- names of our properties
_BY_MINUTE = f"""
SELECT c.at_s, {_COLUMNS} FROM c
WHERE c.kind = @kind AND c.operation = @operation AND c.at_s >= @start_s AND c.at_s < @end_s
"""  # noqa: S608 -- names of our properties
_SOME_OF_KIND = "SELECT TOP {limit} * FROM c WHERE c.kind = @kind"

type _Key = tuple[int, str, str, str]


class CosmosUsageLedger:
    """Implements `UsageLedger`. Minutes are summed from the events, hours and days from the hours."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def record(self, event: UsageEvent) -> bool:
        partition = self._partition(event.tenant, event.at)
        told = _event(event, partition.key)
        total = _total(event, partition.key)
        add = operations.patch(total["id"], *(operations.add(f"/{name}", total[name]) for name in _COUNTS))
        sums = add
        for _ in range(_ROUNDS):
            try:
                await partition.batch([operations.create(told), sums])
            except RejectedError as error:
                if error.at(0, CONFLICT):
                    return await _settled(partition, told, total["id"])
                sums = operations.create(total) if error.at(1, NOT_FOUND) else add
            else:
                return True
        raise OverloadedError(f"Usage event {event.id!r} meets too many others.", retry_after_s=1)

    async def totals(
        self, tenant: str, operation: Operation, *, start: datetime, end: datetime, width_s: Literal[60, 3600, 86400]
    ) -> Sequence[UsageTotal]:
        sums: defaultdict[_Key, list[int]] = defaultdict(lambda: [0] * len(_COUNTS))
        first, last = _first_bucket(start, width_s), _first_bucket(end, width_s)
        for item in await self._told(tenant, operation, first, last, by_hour=width_s >= _HOUR_S):
            bucket = item["at_s"] // width_s * width_s
            counts = sums[bucket, item["source"], item["model"], item["key_id"]]
            counts[:] = [count + item[name] for count, name in zip(counts, _COUNTS, strict=True)]
        return [_summed(key, sums[key], operation, width_s) for key in sorted(sums)]

    async def disown(self, tenant: str, pseudonym: str, *, month: datetime, limit: int) -> int:
        """Each event is recorded under the other name, then uncounted here in one batch; a crash in between is met by
        the event's id. Sums that are left are of events that have expired: nothing moves them any more."""
        source, target = self._partition(tenant, month), self._partition(pseudonym, month)
        events = (await source.query(_SOME_OF_KIND.format(limit=limit), {"kind": "event"})).items
        for item in events:
            event = _restored(item, tenant)
            await self.record(replace(event, tenant=pseudonym, key_id=None))
            await _take_back(source, item, event)
        if events:
            return len(events)
        sums = (await source.query(_SOME_OF_KIND.format(limit=limit), {"kind": "total"})).items
        for item in sums:
            await _move_sum(source, target, item)
        return len(sums)

    async def _told(
        self, tenant: str, operation: Operation, start_s: int, end_s: int, *, by_hour: bool
    ) -> Iterator[Item]:
        """Sums of hours, or events, of every month that the range touches."""
        kind, sql = ("total", _BY_HOUR) if by_hour else ("event", _BY_MINUTE)
        parameters = {"kind": kind, "operation": operation, "start_s": start_s, "end_s": end_s}
        partitions = [self._partition(tenant, month) for month in _months(start_s, end_s)]
        answers = await asyncio.gather(*(partition.query(sql, parameters) for partition in partitions))
        return (item for answer in answers for item in answer.items)

    def _partition(self, tenant: str, moment: datetime) -> Partition:
        return Partition(self._account, USAGE, names.joined(tenant, f"{moment.astimezone(UTC):%Y%m}"))


async def _take_back(partition: Partition, item: Item, event: UsageEvent) -> None:
    """Uncount an event: it is counted under another name. Does nothing when that is done, or it has changed: the next
    call finds it as it is."""
    counts = [operations.add(f"/{name}", -item[name]) for name in _COUNTS]
    steps = [
        operations.delete(item["id"], etag=item["_etag"]),
        operations.patch(_total(event, partition.key)["id"], *counts),
    ]
    try:
        await partition.batch(steps)
    except RejectedError:
        return


async def _move_sum(source: Partition, target: Partition, item: Item) -> None:
    if item["requests"]:
        plain = {name: value for name, value in item.items() if not name.startswith("_")}
        try:
            await target.create({**plain, "id": f"moved-{item['id']}", "pk": target.key, "key_id": ""})
        except RejectedError as error:
            if error.status != CONFLICT:  # by the turn that a crash cut off
                raise
    try:
        await source.delete(item["id"], etag=item["_etag"])
    except RejectedError:
        return


async def _settled(partition: Partition, told: Item, total_id: str) -> bool:
    """Whether the event that is there is this very one: written by an attempt that got no answer, or now, in the place
    of its estimate."""
    for _ in range(_ROUNDS):
        try:
            found = (await partition.read(told["id"])).item
        except RejectedError:
            return False
        if found["status"] != UNSETTLED or told["status"] == UNSETTLED:
            return found["mark"] == told["mark"]
        deltas = {name: told[name] - found[name] for name in _COUNTS}
        sums = operations.patch(total_id, *(operations.add(f"/{name}", delta) for name, delta in deltas.items()))
        try:
            await partition.batch([*_taking_its_place(told), sums])
        except RejectedError:
            continue
        return True
    raise OverloadedError(f"Usage event {told['id']!r} meets too many others.", retry_after_s=1)


def _taking_its_place(told: Item) -> Iterator[operations.Operation]:
    """Two patches, since one may have ten changes; the first makes sure that it is still an estimate."""
    names_of = [*_OUTCOME, *_COUNTS[1:]]
    for part, predicate in ((names_of[:6], _IS_ESTIMATE), (names_of[6:], None)):
        yield operations.patch(told["id"], *(operations.put(f"/{n}", told[n]) for n in part), predicate=predicate)


def _restored(item: Item, tenant: str) -> UsageEvent:
    return UsageEvent(
        id=item["id"].removeprefix("event-"),
        tenant=tenant,
        key_id=item["key_id"] or None,
        model=item["model"],
        deployment=item["deployment"],
        operation=item["operation"],
        source=item["source"],
        status=item["status"],
        input_tokens=item["input_tokens"],
        output_tokens=item["output_tokens"],
        cached_tokens=item["cached_tokens"],
        reasoning_tokens=item["reasoning_tokens"],
        cost_microusd=(item["cost_high"] << _HALF_BITS) + item["cost_low"],
        estimated=item["estimated"],
        ttft_ms=item["ttft_ms"],
        duration_ms=item["duration_ms"],
        at=_EPOCH + timedelta(microseconds=item["at_us"]),
    )


def _event(event: UsageEvent, pk: str) -> Item:
    """A key's id is never empty, so the empty text stands for "no key"."""
    at_us = (event.at - _EPOCH) // timedelta(microseconds=1)
    return {
        "id": f"event-{names.plain(event.id)}",
        "pk": pk,
        "kind": "event",
        "ttl": EVENT_TTL_S,
        "mark": uuid4().hex,
        "at_s": at_us // 1_000_000,
        "at_us": at_us,
        "deployment": event.deployment,
        "status": event.status,
        "estimated": event.estimated,
        "ttft_ms": event.ttft_ms,
        "duration_ms": event.duration_ms,
        **_group(event),
        **_counts(event),
    }


def _total(event: UsageEvent, pk: str) -> Item:
    hour_s = (event.at - _EPOCH) // timedelta(hours=1) * _HOUR_S
    group = _group(event)
    return {
        "id": f"total-{hour_s}-{names.digest(*group.values())}",
        "pk": pk,
        "kind": "total",
        "hour_s": hour_s,
        **group,
        **_counts(event),
    }


def _group(event: UsageEvent) -> Mapping[str, str]:
    return {
        "operation": event.operation,
        "source": event.source,
        "model": event.model,
        "key_id": event.key_id or "",
    }


def _counts(event: UsageEvent) -> Mapping[str, int]:
    high, low = divmod(event.cost_microusd, 1 << _HALF_BITS)
    tokens = (event.input_tokens, event.output_tokens, event.cached_tokens, event.reasoning_tokens)
    return dict(zip(_COUNTS, (1, *tokens, high, low), strict=True))


def _months(start_s: int, end_s: int) -> Iterator[datetime]:
    """A moment in each month that the range touches."""
    last = datetime.fromtimestamp(max(end_s - 1, 0), UTC)
    month = datetime.fromtimestamp(start_s, UTC).replace(day=1)
    while start_s < end_s and month <= last:
        yield month
        month = (month + timedelta(days=32)).replace(day=1)


def _first_bucket(moment: datetime, width_s: int) -> int:
    """Where the first bucket that begins at or after the moment begins, in seconds of UTC."""
    return -((_EPOCH - moment) // timedelta(seconds=width_s)) * width_s


def _summed(key: _Key, counts: Sequence[int], operation: Operation, width_s: int) -> UsageTotal:
    start, source, model, key_id = key
    *sums, high, low = counts
    requests, input_tokens, output_tokens, cached_tokens, reasoning_tokens = sums
    return UsageTotal(
        start=datetime.fromtimestamp(start, UTC),
        width_s=width_s,
        operation=operation,
        source=cast("Source", source),
        model=model,
        key_id=key_id or None,
        requests=requests,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached_tokens,
        reasoning_tokens=reasoning_tokens,
        cost_microusd=(high << _HALF_BITS) + low,
    )
