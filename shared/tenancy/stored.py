"""Keys of the store, remembered for a while: a call whose key is known costs no store operation.

What is remembered for `ttl_s` is also how long a key that was revoked may go on, on an instance that knows it.
"""

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass

from shared.errors import NotFoundError
from shared.ports.clock import Clock
from shared.ports.keys import KeyIndex, KeyRecord
from shared.ports.records import Records

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """Implements `ApiKeys`: two point reads."""

    index: KeyIndex
    records: Records[KeyRecord]

    async def find(self, hmac: str) -> KeyRecord:
        place = await self.index.find(hmac)
        return (await self.records.get(place.tenant, place.key_id)).value


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found, None for nothing, or is being looked for."""

    until: float
    looking: asyncio.Task[KeyRecord | None]

    def holds(self, now: float) -> bool:
        if not self.looking.done():
            return True
        return now < self.until and not self.looking.cancelled() and self.looking.exception() is None


class RememberedKeys:
    """Implements `ApiKeys` over another. Those who ask at once for the same key share one look-up; a failed one is not
    remembered. Of more than `_REMEMBERED` the oldest are forgotten."""

    def __init__(self, keys: StoredKeys, clock: Clock, *, ttl_s: float) -> None:
        self._keys = keys
        self._clock = clock
        self._ttl_s = ttl_s
        self._known: MutableMapping[str, _Known] = {}

    def remembers(self, hmac: str) -> bool:
        """Whether `find` will answer without a look-up of its own."""
        known = self._known.get(hmac)
        return known is not None and known.holds(self._clock.monotonic())

    async def find(self, hmac: str) -> KeyRecord:
        now = self._clock.monotonic()
        known = self._known.get(hmac)
        if known is None or not known.holds(now):
            known = self._look(hmac, now)
        found = await asyncio.shield(known.looking)  # who leaves early leaves it to the others
        if found is None:
            raise NotFoundError("No such key.")
        return found

    def _look(self, hmac: str, now: float) -> _Known:
        self._known.pop(hmac, None)
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        known = self._known[hmac] = _Known(now + self._ttl_s, asyncio.create_task(self._find(hmac)))
        return known

    async def _find(self, hmac: str) -> KeyRecord | None:
        try:
            return await self._keys.find(hmac)
        except NotFoundError:
            return None
