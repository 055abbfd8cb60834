"""A rate that all instances share, spent from leases: one store operation for many calls (GATEWAY, "Limits").

An instance takes a chunk by one conditional write and spends it locally. A chunk that is not spent within `LEASE_S` is
forfeited, so that an instance that dies, or falls silent, holds up the others for no longer than that.
"""

import asyncio
import logging
import math
from dataclasses import dataclass

from shared.errors import PlatformError, RateLimitError
from shared.ports.clock import Clock
from shared.ports.limits import Rates, Taken

log = logging.getLogger(__name__)

LEASE_S = 5.0
BURST_S = 6.0
"""How far ahead of the rate a scope may be: a tenth of the minute that limits are stated for."""

_SHARE_S = 2.0
_MEAN_CALLS = 4
_SMOOTHING = 0.2
_MEMORY_S = 10.0
_MOST_INSTANCES = 1000.0


@dataclass(frozen=True, slots=True)
class Scope:
    """One limit: `per_minute` units for whatever the name stands for."""

    name: str
    per_minute: int

    @property
    def id(self) -> str:
        """What it is counted under: two rates of one thing, or one that was changed, are two counts."""
        return f"{self.name} {self.per_minute}"

    @property
    def per_s(self) -> float:
        return self.per_minute / 60


@dataclass(frozen=True, slots=True)
class Standing:
    """What a client is told: how much it could use at this moment, and in how many seconds nothing will be owed."""

    limit: int
    remaining: int
    reset_s: float


class _Flows:
    """What this instance and the others took of late."""

    def __init__(self) -> None:
        self._at = 0.0
        self._mine_s = self._others_s = 0.0

    def add(self, now: float, mine_s: float, others_s: float) -> None:
        faded = math.exp((self._at - now) / _MEMORY_S)
        self._mine_s = self._mine_s * faded + mine_s
        self._others_s = self._others_s * faded + others_s
        self._at = now

    @property
    def instances(self) -> float:
        """How many there are, were all of them as busy as this one."""
        return min(_MOST_INSTANCES, 1 + self._others_s / self._mine_s) if self._mine_s else 1.0


class Lease:
    """One scope as one instance holds it. Times inside are of the monotonic clock."""

    def __init__(self, rates: Rates, clock: Clock, scope: Scope) -> None:
        self._rates = rates
        self._clock = clock
        self._scope = scope
        self._taking = asyncio.Lock()
        self._left = 0.0
        self._until = 0.0
        self._tat = 0.0
        self._mean = 0.0
        self._flows = _Flows()

    async def spend(self, units: float) -> None:
        """Raise RateLimitError, with the seconds after which so many units can be had, when they cannot now."""
        if units > self._scope.per_minute:
            raise self._never(units)
        self._mean += _SMOOTHING * (units - self._mean) if self._mean else units
        if self._spent(units):
            return
        async with self._taking:
            while not self._spent(units):
                await self._take(units - self._held())

    def holds(self, units: float) -> bool:
        """Whether so many can be spent without asking the store."""
        return self._held() >= units

    def give_back(self, units: float) -> None:
        """What was reserved and not used; negative for what was used beyond the reservation."""
        self._left += units

    def standing(self) -> Standing:
        ahead_s = max(0.0, self._tat - self._clock.monotonic())
        free = max(0.0, BURST_S - ahead_s) * self._scope.per_s
        return Standing(self._scope.per_minute, int(free + max(0.0, self._held())), ahead_s)

    def _held(self) -> float:
        """What is left of the lease. A debt outlives it."""
        return self._left if self._left < 0 or self._clock.monotonic() < self._until else 0.0

    def _spent(self, units: float) -> bool:
        held = self._held()
        if held < units:
            return False
        self._left = held - units
        return True

    async def _take(self, wanted: float) -> None:
        now = self._clock.monotonic()
        if (wait_s := self._wait_s(wanted, now)) > 0:
            raise self._refusal(wait_s)  # remembered: what was owed can only have grown
        chunk = self._chunk(wanted, now)
        taken = await self._ask(chunk)
        if not taken.granted and chunk > wanted and self._wait_s(wanted, now) <= 0:
            chunk, taken = wanted, await self._ask(wanted)
        if not taken.granted:
            raise self._refusal(max(self._wait_s(wanted, now), 0.05))
        self._left = self._held() + chunk
        self._until = now + LEASE_S

    def _wait_s(self, wanted: float, now: float) -> float:
        room_s = max(BURST_S - wanted / self._scope.per_s, 0.0)
        return self._tat - room_s - now

    def _chunk(self, wanted: float, now: float) -> float:
        """Large enough to be rare, small enough to leave the other instances their part of what is free."""
        per_s = self._scope.per_s
        free = max(0.0, BURST_S - max(0.0, self._tat - now)) * per_s
        fair = min(LEASE_S * per_s, max(free / (2 * self._flows.instances), per_s * _SHARE_S / self._flows.instances))
        return max(wanted, min(free, max(fair, _MEAN_CALLS * self._mean)))

    async def _ask(self, units: float) -> Taken:
        cost_s = units / self._scope.per_s
        try:
            taken = await self._rates.take(self._scope.id, cost_s=cost_s, burst_s=BURST_S)
        except PlatformError as error:
            return self._alone(cost_s, error)
        self._observe(taken, cost_s)
        return taken

    def _observe(self, taken: Taken, cost_s: float) -> None:
        """While something is owed, `tat` moves by what all instances take: it tells how many like us there are."""
        now = self._clock.monotonic()
        tat = now + taken.tat - taken.now
        if self._tat > now:
            mine_s = cost_s if taken.granted else 0.0
            self._flows.add(now, mine_s, max(0.0, tat - self._tat - mine_s))
        self._tat = max(self._tat, tat)

    def _alone(self, cost_s: float, error: PlatformError) -> Taken:
        """The store is down: this instance goes on with its own part of the rate."""
        log.warning("limits without the store scope=%s reason=%s", self._scope.name, error)
        now = self._clock.monotonic()
        tat = max(self._tat, now)
        granted = tat <= now + max(BURST_S - cost_s, 0.0)
        if granted:
            self._tat = tat = tat + cost_s * self._flows.instances
        return Taken(granted=granted, tat=tat, now=now)

    def _never(self, units: float) -> RateLimitError:
        error = RateLimitError(
            f"Request too large: {self._scope.name} may use {self._scope.per_minute} a minute, "
            f"and this request asks for {units:.0f}."
        )
        error.headers = {"x-should-retry": "false"}
        return error

    def _refusal(self, wait_s: float) -> RateLimitError:
        return RateLimitError(
            f"Rate limit reached: {self._scope.name} may use {self._scope.per_minute} a minute. "
            f"Please try again in {wait_s:.3g} s.",
            retry_after_s=wait_s,
        )
