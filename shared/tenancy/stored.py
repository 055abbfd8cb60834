"""Keys of the store, remembered for a while.

What is remembered for `ttl_s` is also how long a key that was revoked may go on, on an instance that knows it.
"""

from dataclasses import dataclass

from shared.errors import NotFoundError
from shared.ports.clock import Clock
from shared.ports.keys import KeyIndex, KeyRecord
from shared.ports.records import Records
from shared.tenancy.remembered import Remembered


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """Implements `ApiKeys`: two point reads."""

    index: KeyIndex
    records: Records[KeyRecord]

    async def find(self, hmac: str) -> KeyRecord:
        place = await self.index.find(hmac)
        return (await self.records.get(place.tenant, place.key_id)).value


class RememberedKeys:
    """Implements `ApiKeys` over another. That there is no such key is remembered too."""

    def __init__(self, keys: StoredKeys, clock: Clock, *, ttl_s: float) -> None:
        self._keys = keys
        self._known = Remembered(self._look, clock, ttl_s=ttl_s)

    def remembers(self, hmac: str) -> bool:
        """Whether `find` will answer without a look-up of its own."""
        return self._known.holds(hmac)

    async def find(self, hmac: str) -> KeyRecord:
        found = await self._known.get(hmac)
        if found is None:
            raise NotFoundError("No such key.")
        return found

    async def _look(self, hmac: str) -> KeyRecord | None:
        try:
            return await self._keys.find(hmac)
        except NotFoundError:
            return None
