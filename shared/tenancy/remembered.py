"""What was looked up, kept for a while: a call about something known costs no store operation."""

import asyncio
from collections.abc import Callable, Coroutine, MutableMapping
from dataclasses import dataclass

from shared.ports.clock import Clock

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Known[Value]:
    """What was found, or is being looked for."""

    until: float
    looking: asyncio.Task[Value]

    def holds(self, now: float) -> bool:
        if not self.looking.done():
            return True
        return now < self.until and not self.looking.cancelled() and self.looking.exception() is None


class Remembered[Value]:
    """Values by name for `ttl_s`. Those who ask at once for the same one share one look-up; a failed one is not
    remembered. Of more than `_MOST` the oldest are forgotten."""

    def __init__(self, look: Callable[[str], Coroutine[None, None, Value]], clock: Clock, *, ttl_s: float) -> None:
        self._look = look
        self._clock = clock
        self._ttl_s = ttl_s
        self._known: MutableMapping[str, _Known[Value]] = {}

    def holds(self, name: str) -> bool:
        """Whether `get` will answer without a look-up of its own."""
        known = self._known.get(name)
        return known is not None and known.holds(self._clock.monotonic())

    async def get(self, name: str) -> Value:
        """Raises what the look-up raises."""
        now = self._clock.monotonic()
        known = self._known.get(name)
        if known is None or not known.holds(now):
            known = self._begin(name, now)
        return await asyncio.shield(known.looking)  # who leaves early leaves it to the others

    def _begin(self, name: str, now: float) -> _Known[Value]:
        self._known.pop(name, None)
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        known = self._known[name] = _Known(now + self._ttl_s, asyncio.create_task(self._look(name)))
        return known
