"""Embeddings as items that expire by themselves. One space of one tenant is one partition."""

import base64
from array import array
from collections.abc import Mapping, Sequence
from itertools import batched

from shared.adapters.cosmos import names, passages
from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import CACHE
from shared.adapters.cosmos.operations import upsert
from shared.adapters.cosmos.partition import Partition
from shared.adapters.cosmos.purge import purged
from shared.ports.cache import Vector

_IDS_A_QUERY = 500
# `id` is indexed whatever the container's policy says: https://learn.microsoft.com/azure/cosmos-db/index-policy
_GET = "SELECT c.id, c.vector FROM c WHERE ARRAY_CONTAINS(@ids, c.id)"


class CosmosEmbeddingCache:
    """Implements `EmbeddingCache`. Numbers are packed: as JSON they would take four times the bytes, and request units.

    A logical partition holds 20 GB: some two million embeddings of 1,536 dimensions, for each tenant and model.
    """

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def get(self, tenant: str, space: str, ids: Sequence[str]) -> Mapping[str, Vector]:
        partition, found = self._partition(tenant, space), dict[str, Vector]()
        for some in batched(ids, _IDS_A_QUERY, strict=False):
            by_name = {names.plain(one): one for one in some}
            answer = await partition.query(_GET, {"ids": list(by_name)})
            found |= {by_name[item["id"]]: _unpacked(item["vector"]) for item in answer.items}
        return found

    async def put(self, tenant: str, space: str, vectors: Mapping[str, Vector], *, ttl_s: int) -> None:
        partition = self._partition(tenant, space)
        items = [
            {"id": names.plain(one), "pk": partition.key, "ttl": ttl_s, "vector": _packed(vector)}
            for one, vector in vectors.items()
        ]
        for batch in passages.batches(items):
            await partition.batch([upsert(item) for item in batch])

    async def forget(self, tenant: str, space: str, *, limit: int) -> int:
        return await purged(self._partition(tenant, space), limit)

    def _partition(self, tenant: str, space: str) -> Partition:
        return Partition(self._account, CACHE, names.joined(tenant, space))


def _packed(vector: Vector) -> str:
    """Base64 of 32-bit floats, the little end first on every machine that runs functions."""
    return base64.b64encode(array("f", vector)).decode()


def _unpacked(text: str) -> Vector:
    return tuple(array("f", base64.b64decode(text)))
