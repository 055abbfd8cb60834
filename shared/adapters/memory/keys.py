"""The places of API keys in a dictionary."""

from shared.errors import ConflictError, NotFoundError
from shared.ports.keys import KeyPlace


class MemoryKeyIndex:
    """Implements `KeyIndex`."""

    def __init__(self) -> None:
        self._places: dict[str, KeyPlace] = {}

    async def find(self, hmac: str) -> KeyPlace:
        try:
            return self._places[hmac]
        except KeyError:
            raise NotFoundError("No such key.") from None

    async def put(self, hmac: str, place: KeyPlace) -> None:
        if self._places.setdefault(hmac, place) != place:
            raise ConflictError(f"The HMAC of key {place.key_id!r} is another's already.")

    async def remove(self, hmac: str) -> None:
        self._places.pop(hmac, None)
