"""The usage API: what a tenant used, in buckets of a minute, an hour or a day."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from shared.errors import InvalidRequestError
from shared.metering.cursors import decode_cursor, encode_cursor
from shared.ports.clock import Clock
from shared.ports.usage import Operation, UsageLedger, UsageTotal
from shared.wire.usage import (
    BucketWidth,
    CompletionsResult,
    EmbeddingsResult,
    GroupBy,
    UsageBucket,
    UsagePage,
    UsageQuery,
    UsageResult,
)

type Width = Literal[60, 3600, 86400]

_WIDTHS: dict[BucketWidth, Width] = {"1m": 60, "1h": 3600, "1d": 86400}
_LIMITS: dict[Width, tuple[int, int]] = {60: (60, 1440), 3600: (24, 168), 86400: (7, 31)}
"""OpenAI's default and largest number of buckets on a page."""


@dataclass(frozen=True, slots=True)
class _Window:
    """One page's share of the range that was asked for. `past` tells that nothing can happen in it any more."""

    start: int
    end: int
    width: Width
    past: bool

    def buckets(self) -> Iterator[tuple[int, int]]:
        start = self.start
        while start < self.end:
            end = min(start - start % self.width + self.width, self.end)
            yield start, end
            start = end

    def parts(self) -> list[tuple[int, int, Width]]:
        """What to ask the ledger for: whole buckets at once, cut ones by the minute.

        The last bucket of a range that ends now is asked for whole: there is nothing in its rest.
        """
        head_end = min(-(-self.start // self.width) * self.width, self.end)
        tail_start = max(self.end - self.end % self.width if self.past else self.end, head_end)
        parts: list[tuple[int, int, Width]] = [
            (self.start, head_end, 60),
            (head_end, tail_start, self.width),
            (tail_start, self.end, 60),
        ]
        return [part for part in parts if part[0] < part[1]]


class UsageReports:
    def __init__(self, ledger: UsageLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def completions(self, tenant: str, query: UsageQuery) -> UsagePage[CompletionsResult]:
        """Raise InvalidRequestError that names the parameter."""
        return await self._page(tenant, "completions", query, _completions)

    async def embeddings(self, tenant: str, query: UsageQuery) -> UsagePage[EmbeddingsResult]:
        return await self._page(tenant, "embeddings", query, _embeddings)

    async def _page[Result: UsageResult](
        self,
        tenant: str,
        operation: Operation,
        query: UsageQuery,
        result: Callable[[Sequence[UsageTotal], "_Group"], Result],
    ) -> UsagePage[Result]:
        window, more = self._window(query)
        rows = [row for row in await self._rows(tenant, operation, window) if _asked_for(row, tenant, query)]
        by_bucket = _grouped(rows, lambda row: _seconds(row.start) // window.width)
        data = [
            UsageBucket[Result](
                start_time=start,
                end_time=end,
                results=_results(by_bucket.get(start // window.width, []), tenant, query, result),
            )
            for start, end in window.buckets()
        ]
        return UsagePage[Result](data=data, has_more=more, next_page=encode_cursor(window.end) if more else None)

    async def _rows(self, tenant: str, operation: Operation, window: _Window) -> list[UsageTotal]:
        found = await asyncio.gather(
            *(
                self._ledger.totals(tenant, operation, start=_time(start), end=_time(end), width_s=width)
                for start, end, width in window.parts()
            )
        )
        return [row for rows in found for row in rows]

    def _window(self, query: UsageQuery) -> tuple[_Window, bool]:
        width = _WIDTHS[query.bucket_width]
        now = _seconds(self._clock.now()) + 1  # the end is exclusive; the second that runs belongs to the range
        end = now if query.end_time is None else query.end_time
        if query.end_time is not None and end <= query.start_time:
            raise InvalidRequestError(f"`end_time` {end} must be after `start_time`.", param="end_time")
        start = query.start_time - query.start_time % 60
        if query.page is not None:
            start = decode_cursor(query.page, after=start, before=end, width=width)
        page_end = start - start % width + _limit(query, width) * width
        return _Window(start, min(page_end, end), width, past=end < now), page_end < end


def _limit(query: UsageQuery, width: Width) -> int:
    default, largest = _LIMITS[width]
    limit = default if query.limit is None else query.limit
    if limit > largest:
        raise InvalidRequestError(
            f"`limit` is {limit}; with buckets of {query.bucket_width} it is at most {largest}.", param="limit"
        )
    return limit


def _asked_for(row: UsageTotal, tenant: str, query: UsageQuery) -> bool:
    return (
        row.source in query.sources
        and (query.models is None or row.model in query.models)
        and (query.api_key_ids is None or row.key_id in query.api_key_ids)
        and (query.project_ids is None or tenant in query.project_ids)
        and query.batch is not True
    )


def _grouped[Key](rows: Iterable[UsageTotal], key: Callable[[UsageTotal], Key]) -> dict[Key, list[UsageTotal]]:
    groups: dict[Key, list[UsageTotal]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


type _Group = dict[GroupBy, str | bool | None]


def _results[Result: UsageResult](
    rows: list[UsageTotal],
    tenant: str,
    query: UsageQuery,
    result: Callable[[Sequence[UsageTotal], _Group], Result],
) -> list[Result]:
    groups = _grouped(rows, lambda row: tuple(_value(row, name, tenant) for name in query.group_by))
    return [result(members, dict(zip(query.group_by, values, strict=True))) for values, members in groups.items()]


def _value(row: UsageTotal, name: GroupBy, tenant: str) -> str | bool | None:
    values = {"project_id": tenant, "api_key_id": row.key_id, "model": row.model, "source": row.source, "batch": False}
    return values[name]


def _completions(rows: Sequence[UsageTotal], group: _Group) -> CompletionsResult:
    return CompletionsResult.model_validate(
        {
            "output_tokens": sum(row.output_tokens for row in rows),
            "input_cached_tokens": sum(row.cached_tokens for row in rows),
            "output_reasoning_tokens": sum(row.reasoning_tokens for row in rows),
            **_common(rows),
            **group,
        }
    )


def _embeddings(rows: Sequence[UsageTotal], group: _Group) -> EmbeddingsResult:
    return EmbeddingsResult.model_validate({**_common(rows), **group})


def _common(rows: Sequence[UsageTotal]) -> dict[str, int]:
    return {
        "input_tokens": sum(row.input_tokens for row in rows),
        "num_model_requests": sum(row.requests for row in rows),
        "cost_microusd": sum(row.cost_microusd for row in rows),
    }


def _seconds(time: datetime) -> int:
    return int(time.timestamp())


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
