"""The places of API keys, each an item that is its own partition: found by one point read, whoever asks."""

from contextlib import suppress

from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import API_KEYS
from shared.adapters.cosmos.failures import RejectedError
from shared.adapters.cosmos.operations import delete
from shared.adapters.cosmos.partition import Partition
from shared.errors import ConflictError, NotFoundError
from shared.ports.keys import KeyPlace


class CosmosKeyIndex:
    """Implements `KeyIndex`."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def find(self, hmac: str) -> KeyPlace:
        try:
            item = (await self._partition(hmac).read(hmac)).item
        except RejectedError as error:
            raise NotFoundError("No such key.") from error
        return KeyPlace(item["tenant"], item["key_id"])

    async def put(self, hmac: str, place: KeyPlace) -> None:
        item = {"id": hmac, "tenant": place.tenant, "key_id": place.key_id}
        try:
            await self._partition(hmac).create(item)
        except RejectedError as error:
            if await self.find(hmac) != place:  # it may be our own, whose answer got lost
                raise ConflictError(f"The HMAC of key {place.key_id!r} is another's already.") from error

    async def remove(self, hmac: str) -> None:
        # Without a condition nothing but its absence is a reason to reject it.
        with suppress(RejectedError):
            await self._partition(hmac).batch([delete(hmac)])

    def _partition(self, hmac: str) -> Partition:
        return Partition(self._account, API_KEYS, hmac)
