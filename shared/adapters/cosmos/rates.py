"""Rates as one small item a scope, moved by one conditional patch; time is the account's own."""

import time
from collections.abc import Awaitable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from shared.adapters.cosmos import names, operations
from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import LIMITS
from shared.adapters.cosmos.failures import CONFLICT, NOT_FOUND, RejectedError
from shared.adapters.cosmos.operations import Item, Operation
from shared.adapters.cosmos.partition import Answer, Partition
from shared.errors import OverloadedError
from shared.ports.limits import Taken

_TAT = "tat"
_US = 1_000_000
_TTL_S = 3600
"""Longer than any burst: an item that is gone says the same as one that lies behind."""

_ROUNDS = 8
_SCOPES_REMEMBERED = 10_000


class StoreTime:
    """The account's clock, from the Date of its answers, each of which is within a second: their common part.

    https://www.rfc-editor.org/rfc/rfc9110#name-date
    """

    def __init__(self) -> None:
        self._low, self._high = float("-inf"), float("inf")

    def learn(self, date: str, *, sent: float, received: float) -> None:
        """`sent` and `received` are moments of `time.monotonic`."""
        second = parsedate_to_datetime(date).timestamp()
        low, high = second - received, second + 1 - sent
        if low > self._high or high < self._low:  # one of the clocks was set, or they drift apart
            self._low, self._high = low, high
        else:
            self._low, self._high = max(self._low, low), min(self._high, high)

    def now(self) -> float | None:
        """Seconds of Unix time; None before the first answer."""
        if self._low == float("-inf"):
            return None
        return time.monotonic() + (self._low + self._high) / 2


@dataclass(frozen=True, slots=True)
class _Wish:
    now_us: int
    cost_us: int
    room_us: int
    """The latest `tat` at which the cost may still be added."""


class CosmosRates:
    """Implements `Rates`."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._time = StoreTime()
        self._known: dict[str, int] = {}

    async def take(self, scope: str, *, cost_s: float, burst_s: float) -> Taken:
        partition = Partition(self._account, LIMITS, names.plain(scope))
        now = await self._now(partition)
        now_us = int(now * _US)
        wish = _Wish(now_us, int(cost_s * _US), now_us + int(max(burst_s - cost_s, 0) * _US))
        for _ in range(_ROUNDS):
            try:
                tat_us = await self._move(partition, wish)
            except RejectedError as error:
                tat_us = await self._look(partition, missing=error.status == NOT_FOUND)
                if error.doubtful and tat_us == wish.now_us + wish.cost_us:  # our own, whose answer got lost
                    return Taken(granted=True, tat=tat_us / _US, now=now)
                if tat_us > wish.room_us:
                    return Taken(granted=False, tat=tat_us / _US, now=now)
            else:
                return Taken(granted=True, tat=tat_us / _US, now=now)
        raise OverloadedError(f"Rate {scope!r} is moved by too many at once.", retry_after_s=1)

    async def _move(self, partition: Partition, wish: _Wish) -> int:
        """The new `tat`. Raise RejectedError when the item is not as it was thought to be."""
        known_us = self._known.get(partition.key, 0)
        step = _restart(wish, known_us) if known_us < wish.now_us else _advance(wish)
        answer = await self._dated(partition.batch([step]))
        return self._remember(partition, answer.items[0]["resourceBody"])

    async def _look(self, partition: Partition, *, missing: bool) -> int:
        """The `tat` as it is now; behind everything where there was none."""
        item = {"id": _TAT, "scope": partition.key, "ttl": _TTL_S, _TAT: 0}
        try:
            answer = await self._dated(partition.create(item) if missing else partition.read(_TAT))
        except RejectedError as error:
            if error.status not in (CONFLICT, NOT_FOUND):
                raise
            return self._remember(partition, item)
        return self._remember(partition, answer.item)

    async def _now(self, partition: Partition) -> float:
        """Any answer tells the time, but a rejection's date is not told to us; and a creation may meet itself."""
        for missing in (False, True, False):
            if self._time.now() is None:
                await self._look(partition, missing=missing)
        now = self._time.now()
        if now is None:
            raise OverloadedError("The store does not tell the time.", retry_after_s=1)
        return now

    async def _dated(self, asking: Awaitable[Answer]) -> Answer:
        sent = time.monotonic()
        answer = await asking
        if answer.date is not None:
            self._time.learn(answer.date, sent=sent, received=time.monotonic())
        return answer

    def _remember(self, partition: Partition, item: Item) -> int:
        if len(self._known) >= _SCOPES_REMEMBERED:
            self._known.clear()
        self._known[partition.key] = item[_TAT]
        return item[_TAT]


def _restart(wish: _Wish, known_us: int) -> Operation:
    """From now, since what was known lies behind; unless somebody has moved it since."""
    change = operations.put(f"/{_TAT}", wish.now_us + wish.cost_us)
    return operations.patch(_TAT, change, predicate=f"FROM c WHERE c.{_TAT} = {known_us}")


def _advance(wish: _Wish) -> Operation:
    condition = f"FROM c WHERE c.{_TAT} >= {wish.now_us} AND c.{_TAT} <= {wish.room_us}"
    return operations.patch(_TAT, operations.add(f"/{_TAT}", wish.cost_us), predicate=condition)
