"""All items of a partition, of whatever kinds, deleted some at a time."""

from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import RECORDS
from shared.adapters.cosmos.failures import RejectedError
from shared.adapters.cosmos.operations import MAX_OPERATIONS, delete
from shared.adapters.cosmos.partition import Partition

_SOME = "SELECT TOP {limit} c.id FROM c"


class CosmosTenantData:
    """Implements `TenantData`: a tenant's records are one partition."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def purge(self, tenant: str, *, limit: int) -> int:
        return await purged(Partition(self._account, RECORDS, tenant), limit)


async def purged(partition: Partition, limit: int) -> int:
    """How many there were for the taking, a batch at most; if others were faster, the next call finds what is left."""
    found = (await partition.query(_SOME.format(limit=min(limit, MAX_OPERATIONS)), {})).items
    if found:
        try:
            await partition.batch([delete(item["id"]) for item in found])
        except RejectedError:
            return len(found)
    return len(found)
