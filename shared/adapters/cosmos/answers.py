"""Answers of models as items that expire by themselves, found by one point read."""

from shared.adapters.cosmos import names
from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import CACHE
from shared.adapters.cosmos.failures import RejectedError
from shared.adapters.cosmos.operations import upsert
from shared.adapters.cosmos.partition import Partition
from shared.adapters.cosmos.purge import purged
from shared.errors import TooLargeError
from shared.ports.records import MAX_RECORD_BYTES


class CosmosAnswerCache:
    """Implements `AnswerCache`. The answer is a text in its item, as it is JSON, not an object: numbers stay exact."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def get(self, tenant: str, space: str, key: str) -> bytes | None:
        try:
            item = (await self._partition(tenant, space).read(names.plain(key))).item
        except RejectedError:
            return None
        return item["answer"].encode()

    async def put(self, tenant: str, space: str, key: str, answer: bytes, *, ttl_s: int) -> None:
        if len(answer) > MAX_RECORD_BYTES:
            raise TooLargeError(f"Answer {key!r} has {len(answer)} bytes; {MAX_RECORD_BYTES} are allowed.")
        partition = self._partition(tenant, space)
        item = {"id": names.plain(key), "pk": partition.key, "ttl": ttl_s, "answer": answer.decode()}
        await partition.batch([upsert(item)])

    async def forget(self, tenant: str, space: str, *, limit: int) -> int:
        return await purged(self._partition(tenant, space), limit)

    def _partition(self, tenant: str, space: str) -> Partition:
        return Partition(self._account, CACHE, names.joined(tenant, "answers", space))
