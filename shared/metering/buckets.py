"""The range that a report is asked for, as pages of buckets with what the ledger has in them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from shared.errors import InvalidRequestError
from shared.metering.cursors import decode_cursor
from shared.ports.usage import Operation, UsageLedger, UsageTotal
from shared.wire.usage import BucketWidth, CostsQuery, UsageQuery

type Width = Literal[60, 3600, 86400]
type PageLimits = Mapping[Width, tuple[int, int]]
"""Default and largest number of buckets on a page, by their width."""

_WIDTHS: dict[BucketWidth, Width] = {"1m": 60, "1h": 3600, "1d": 86400}


@dataclass(frozen=True, slots=True)
class Window:
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


@dataclass(frozen=True, slots=True)
class Bucket:
    """Seconds since the epoch, end exclusive."""

    start: int
    end: int
    rows: Sequence[UsageTotal]


def window_of(query: UsageQuery | CostsQuery, now: datetime, limits: PageLimits) -> tuple[Window, bool]:
    """The page's window, and whether more pages follow. Raise InvalidRequestError that names the parameter."""
    width = _WIDTHS[query.bucket_width]
    next_second = int(now.timestamp()) + 1  # the end is exclusive; the second that runs belongs to the range
    end = next_second if query.end_time is None else query.end_time
    if query.end_time is not None and end <= query.start_time:
        raise InvalidRequestError(f"`end_time` {end} must be after `start_time`.", param="end_time")
    start = query.start_time - query.start_time % 60
    if query.page is not None:
        start = decode_cursor(query.page, after=start, before=end, width=width)
    page_end = start - start % width + _limit(query, limits[width]) * width
    return Window(start, min(page_end, end), width, past=end < next_second), page_end < end


def _limit(query: UsageQuery | CostsQuery, allowed: tuple[int, int]) -> int:
    default, largest = allowed
    limit = default if query.limit is None else query.limit
    if limit > largest:
        raise InvalidRequestError(
            f"`limit` is {limit}; with buckets of {query.bucket_width} it is at most {largest}.", param="limit"
        )
    return limit


async def buckets(
    ledger: UsageLedger,
    tenant: str,
    operations: Sequence[Operation],
    window: Window,
    keep: Callable[[UsageTotal], bool],
) -> list[Bucket]:
    """Every bucket of the window, empty ones too."""
    found = await asyncio.gather(
        *(
            ledger.totals(tenant, operation, start=_time(start), end=_time(end), width_s=width)
            for operation in operations
            for start, end, width in window.parts()
        )
    )
    kept = [row for rows in found for row in rows if keep(row)]
    by_bucket = grouped(kept, lambda row: int(row.start.timestamp()) // window.width)
    return [Bucket(start, end, by_bucket.get(start // window.width, [])) for start, end in window.buckets()]


def grouped[Key](rows: Iterable[UsageTotal], key: Callable[[UsageTotal], Key]) -> dict[Key, list[UsageTotal]]:
    groups: dict[Key, list[UsageTotal]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
