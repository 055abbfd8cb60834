"""Receipts as items that expire by themselves, each in a partition of its own: whoever creates it has the key."""

from shared.adapters.cosmos import names
from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import CACHE
from shared.adapters.cosmos.failures import RejectedError
from shared.adapters.cosmos.operations import Item, patch, put
from shared.adapters.cosmos.partition import Partition
from shared.errors import OverloadedError
from shared.ports.receipts import Receipt, check_answer

_ID = "receipt"
_ROUNDS = 10


class CosmosReceipts:
    """Implements `Receipts`."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def claim(self, tenant: str, key: str, claim: str, fingerprint: str, *, ttl_s: int) -> Receipt | None:
        partition = self._partition(tenant, key)
        item = {"id": _ID, "pk": partition.key, "ttl": ttl_s, "claim": claim, "fingerprint": fingerprint}
        for _ in range(_ROUNDS):
            try:
                await partition.create(item)
            except RejectedError:
                found = await _find(partition)
                if found is not None and found["claim"] != claim:
                    return Receipt(found["fingerprint"], found.get("answer"), found.get("status", 200))
                if found is not None:  # ours, whose answer was lost
                    return None
            else:
                return None
        raise OverloadedError("This key is claimed and released too often.", retry_after_s=1)

    async def settle(self, tenant: str, key: str, claim: str, answer: str, *, status: int, ttl_s: int) -> None:
        check_answer(answer)
        partition = self._partition(tenant, key)
        for _ in range(_ROUNDS):
            found = await _find(partition)
            if found is None or found["claim"] != claim or "answer" in found:
                return
            changes = (put("/answer", answer), put("/status", status), put("/ttl", ttl_s))
            try:
                await partition.batch([patch(_ID, *changes, etag=found["_etag"])])
            except RejectedError:
                continue
            return
        raise OverloadedError("This receipt is changed by too many at once.", retry_after_s=1)

    async def release(self, tenant: str, key: str, claim: str) -> None:
        partition = self._partition(tenant, key)
        for _ in range(_ROUNDS):
            found = await _find(partition)
            if found is None or found["claim"] != claim:
                return
            try:
                await partition.delete(_ID, etag=found["_etag"])
            except RejectedError:
                continue
            return
        raise OverloadedError("This receipt is changed by too many at once.", retry_after_s=1)

    def _partition(self, tenant: str, key: str) -> Partition:
        return Partition(self._account, CACHE, names.joined(tenant, "receipts", key))


async def _find(partition: Partition) -> Item | None:
    try:
        return (await partition.read(_ID)).item
    except RejectedError:
        return None
