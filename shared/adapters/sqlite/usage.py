"""The usage ledger: one transaction an event, sums by the hour beside it."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import Row, rows
from shared.ports.usage import UNSETTLED, Operation, UsageEvent, UsageTotal

if TYPE_CHECKING:
    import apsw

_EPOCH = datetime.fromtimestamp(0, UTC)
_HOUR_S = 3600
_SUMS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_microusd")

_EVENT_COLUMNS = """
  id, tenant, key_id, model, deployment, operation, source, status, input_tokens, output_tokens, cached_tokens,
  reasoning_tokens, cost_microusd, estimated, ttft_ms, duration_ms, at_us
"""
_EVENT = f"""
INSERT OR REPLACE INTO usage_events ({_EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608 -- names of our columns
_COLUMNS, _TOTALS = ", ".join(_SUMS), ", ".join(f"sum({name})" for name in _SUMS)
_COUNTED = f"""
SELECT status, {_COLUMNS} FROM usage_events WHERE tenant = ? AND id = ?
"""  # noqa: S608 -- names of our columns
_ADDED = ", ".join(f"{name} = {name} + excluded.{name}" for name in ("requests", *_SUMS))
_ADD = f"""
INSERT INTO usage_hours (tenant, operation, hour_s, source, model, key_id, requests, {_COLUMNS})
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET {_ADDED}
"""  # noqa: S608 -- names of our columns
_BY_MINUTE = f"""
SELECT at_us / 1000000 / :width * :width AS start, source, model, key_id, count(*), {_TOTALS}
FROM usage_events WHERE tenant = :tenant AND operation = :operation
  AND at_us >= :start * 1000000 AND at_us < :end * 1000000
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""  # noqa: S608 -- names of our columns
_BY_HOUR = f"""
SELECT hour_s / :width * :width AS start, source, model, key_id, sum(requests), {_TOTALS}
FROM usage_hours WHERE tenant = :tenant AND operation = :operation AND hour_s >= :start AND hour_s < :end
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""  # noqa: S608 -- names of our columns

_OF_MONTH = f"""
SELECT {_EVENT_COLUMNS} FROM usage_events WHERE tenant = ? AND at_us >= ? AND at_us < ? LIMIT ?
"""  # noqa: S608 -- names of our columns
_MOVE_SUMS = f"""
INSERT INTO usage_hours (tenant, operation, hour_s, source, model, key_id, requests, {_COLUMNS})
SELECT ?, operation, hour_s, source, model, '', sum(requests), {_TOTALS} FROM usage_hours
WHERE tenant = ? AND hour_s >= ? AND hour_s < ? AND requests != 0 GROUP BY operation, hour_s, source, model
ON CONFLICT DO UPDATE SET {_ADDED}
"""  # noqa: S608 -- names of our columns
_DELETE_SUMS = "DELETE FROM usage_hours WHERE tenant = ? AND hour_s >= ? AND hour_s < ? RETURNING 1"


class SqliteUsageLedger:
    """Implements `UsageLedger`. Minutes are summed from the events, hours and days from the hours."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def record(self, event: UsageEvent) -> bool:
        return await self._database.write(lambda connection: _record(connection, event))

    async def totals(
        self, tenant: str, operation: Operation, *, start: datetime, end: datetime, width_s: Literal[60, 3600, 86400]
    ) -> Sequence[UsageTotal]:
        bindings = {
            "tenant": tenant,
            "operation": operation,
            "width": width_s,
            "start": _first_bucket(start, width_s),
            "end": _first_bucket(end, width_s),
        }
        sql = _BY_HOUR if width_s >= _HOUR_S else _BY_MINUTE
        found = await self._database.read(lambda connection: rows(connection, sql, bindings))
        return [_total(row, operation, width_s) for row in found]

    async def disown(self, tenant: str, pseudonym: str, *, month: datetime, limit: int) -> int:
        start, end = (int(moment.timestamp()) for moment in _month(month))

        def work(connection: "apsw.Connection") -> int:
            found = rows(connection, _OF_MONTH, (tenant, start * 1_000_000, end * 1_000_000, limit))
            for row in found:
                event = _event(row)
                _record(connection, replace(event, tenant=pseudonym, key_id=None))
                _take_back(connection, event)
            if found:
                return len(found)
            bounds = (tenant, start, end)
            connection.execute(_MOVE_SUMS, (pseudonym, *bounds))  # those whose events have expired
            return len(rows(connection, _DELETE_SUMS, bounds))

        return await self._database.write(work)


def _month(moment: datetime) -> tuple[datetime, datetime]:
    start = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    return start, (start + timedelta(days=32)).replace(day=1)


def _event(row: Row) -> UsageEvent:
    *values, at_us = row
    event = UsageEvent(*values, at=_EPOCH + timedelta(microseconds=at_us))
    return replace(event, key_id=event.key_id or None, estimated=bool(event.estimated))


def _take_back(connection: "apsw.Connection", event: UsageEvent) -> None:
    """Uncount an event: it is counted under another name."""
    connection.execute("DELETE FROM usage_events WHERE tenant = ? AND id = ?", (event.tenant, event.id))
    hour_s = (event.at - _EPOCH) // timedelta(hours=1) * _HOUR_S
    group = (event.tenant, event.operation, hour_s, event.source, event.model, event.key_id or "")
    connection.execute(_ADD, (*group, -1, *(-getattr(event, name) for name in _SUMS)))


def _record(connection: "apsw.Connection", event: UsageEvent) -> bool:
    *values, at = astuple(event)
    # A key's id is never empty, so the empty text stands for "no key": a primary key takes no NULL.
    key_id = event.key_id or ""
    values[2] = key_id
    at_us = (at - _EPOCH) // timedelta(microseconds=1)
    counted = rows(connection, _COUNTED, (event.tenant, event.id))
    if counted and not (counted[0][0] == UNSETTLED != event.status):
        return False
    connection.execute(_EVENT, (*values, at_us))
    hour_s = at_us // (_HOUR_S * 1_000_000) * _HOUR_S
    before = counted[0][1:] if counted else [0] * len(_SUMS)
    sums = [getattr(event, name) - was for name, was in zip(_SUMS, before, strict=True)]
    group = (event.tenant, event.operation, hour_s, event.source, event.model, key_id)
    connection.execute(_ADD, (*group, 0 if counted else 1, *sums))
    return True


def _first_bucket(moment: datetime, width_s: int) -> int:
    """Where the first bucket that begins at or after the moment begins, in seconds of UTC."""
    return -((_EPOCH - moment) // timedelta(seconds=width_s)) * width_s


def _total(row: Row, operation: Operation, width_s: int) -> UsageTotal:
    start, source, model, key_id, *sums = row
    return UsageTotal(datetime.fromtimestamp(start, UTC), width_s, operation, source, model, key_id or None, *sums)
