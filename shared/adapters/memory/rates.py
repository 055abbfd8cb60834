"""Rates in a dictionary."""

from shared.ports.clock import Clock
from shared.ports.limits import Taken


class MemoryRates:
    """Implements `Rates`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tats: dict[str, float] = {}

    async def take(self, scope: str, *, cost_s: float, burst_s: float) -> Taken:
        now = self._clock.now().timestamp()
        tat = max(self._tats.get(scope, now), now)
        if tat > now + max(burst_s - cost_s, 0):
            return Taken(granted=False, tat=tat, now=now)
        self._tats[scope] = tat + cost_s
        return Taken(granted=True, tat=tat + cost_s, now=now)
