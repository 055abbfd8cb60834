"""The places of API keys, each an item that is its own partition: found by one point read, whoever asks."""

from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import API_KEYS
from shared.adapters.cosmos.failures import NOT_FOUND, RejectedError
from shared.adapters.cosmos.operations import delete
from shared.adapters.cosmos.partition import Partition
from shared.errors import ConflictError, NotFoundError, OverloadedError
from shared.ports.keys import KeyPlace

_ROUNDS = 5


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
        for _ in range(_ROUNDS):
            try:
                await self._partition(hmac).create(item)
            except RejectedError:
                if await self._stands(hmac, place):  # also our own, whose answer got lost
                    return
            else:
                return
        raise OverloadedError(f"Key {place.key_id!r} could not be put in its place.", retry_after_s=1)

    async def remove(self, hmac: str) -> None:
        for _ in range(_ROUNDS):
            try:
                await self._partition(hmac).batch([delete(hmac)])
            except RejectedError as error:
                if error.status == NOT_FOUND:
                    return
            else:
                return
        raise OverloadedError("A key could not be taken from its place.", retry_after_s=1)

    async def _stands(self, hmac: str, place: KeyPlace) -> bool:
        """Raise ConflictError when another does."""
        try:
            found = await self.find(hmac)
        except NotFoundError:
            return False
        if found != place:
            raise ConflictError(f"The HMAC of key {place.key_id!r} is another's already.")
        return True

    def _partition(self, hmac: str) -> Partition:
        return Partition(self._account, API_KEYS, hmac)
