"""Erasing what a page of records stands for, some at once."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from shared.ports.erasure import Turn
from shared.ports.records import Record, Records, Stored

_PAGE = 100
_AT_ONCE = 8


async def each[T: Record](
    records: Records[T], tenant: str, position: str | None, act: Callable[[Stored[T]], Awaitable[int]]
) -> Turn:
    """Do it to every record of a page; each says how much that erased. The record itself may be gone then."""
    page = await records.list(tenant, order="asc", limit=_PAGE, after=position)
    erased = 0
    for some in itertools.batched(page.items, _AT_ONCE, strict=False):
        erased += sum(await asyncio.gather(*map(act, some)))
    return Turn(erased, page.items[-1].value.id if page.has_more else None)
