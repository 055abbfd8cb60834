"""Sized records: each write is one batch with the patch of the tenant's sum, an item of the same partition.

The patch of a creation carries the quota as its condition, so a quota holds to the byte, whoever writes at once.
"""

from collections.abc import Sequence

from shared.adapters.cosmos import operations
from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import RECORDS
from shared.adapters.cosmos.failures import NOT_FOUND, PRECONDITION, RejectedError
from shared.adapters.cosmos.operations import Item, Operation
from shared.adapters.cosmos.partition import Answer, Partition
from shared.adapters.cosmos.records import ROUNDS, CosmosRecords
from shared.errors import ConflictError
from shared.ports.records import FileRecord, Stored, UploadPartRecord
from shared.ports.sizes import full

_SUM = "stored_bytes"
_SIZES = "SELECT c.record.size_bytes AS size FROM c WHERE c.type = @type"
_KINDS: Sequence[str] = (FileRecord.__name__, UploadPartRecord.__name__)


class CosmosStoredBytes:
    """Implements `StoredBytes`."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def used(self, tenant: str) -> int:
        return await _used(Partition(self._account, RECORDS, tenant))


class CosmosSizedRecords[T: FileRecord | UploadPartRecord](CosmosRecords[T]):
    """Implements `SizedRecords`."""

    async def create(self, value: T, *, most_bytes: int | None = None) -> Stored[T]:
        item, partition, size = self._item(value), self._partition(value.tenant), value.size_bytes
        room = None if most_bytes is None else f"FROM c WHERE c.bytes <= {most_bytes - size:d}"
        for _ in range(ROUNDS):
            try:
                return self._written(value, await _with_sum(partition, operations.create(item), size, room))
            except RejectedError as error:
                found = await self._find_or_none(value.tenant, value.id)
                if found is not None and found.item["mark"] == item["mark"]:
                    return self._written(value, found)
                if found is not None:
                    raise ConflictError(f"{self._kind} {value.id!r} exists already.") from error
                if most_bytes is not None and error.at(1, PRECONDITION):
                    await _expect_room(partition, size, most_bytes)
        raise self._contended(value.id)

    async def replace(self, value: T, *, if_match: str) -> Stored[T]:
        item, partition = self._item(value), self._partition(value.tenant)
        for _ in range(ROUNDS):
            found = await self._find(value.tenant, value.id)
            if found.item["mark"] == item["mark"]:
                return self._written(value, found)
            self._expect(found, value.id, if_match)
            grown = value.size_bytes - found.item["record"]["size_bytes"]
            try:
                step = operations.replace(item, etag=found.item["_etag"])
                return self._written(value, await _with_sum(partition, step, grown))
            except RejectedError:
                continue
        raise self._contended(value.id)

    async def delete(self, tenant: str, record_id: str, *, if_match: str | None = None) -> None:
        for _ in range(ROUNDS):
            found = await self._find(tenant, record_id)
            self._expect(found, record_id, found.item["_etag"] if if_match is None else if_match)
            step = operations.delete(found.item["id"], etag=found.item["_etag"])
            try:
                await _with_sum(self._partition(tenant), step, -found.item["record"]["size_bytes"])
            except RejectedError as error:
                if error.at(0, NOT_FOUND):
                    return
            else:
                return
        raise self._contended(record_id)


async def _with_sum(partition: Partition, step: Operation, grown: int, room: str | None = None) -> Answer:
    """Both, or none. Raise RejectedError; where there was no sum yet, there is one then."""
    moved = operations.patch(_SUM, operations.add("/bytes", grown), predicate=room)
    try:
        answer = await partition.batch([step, moved])
    except RejectedError as error:
        if error.at(1, NOT_FOUND):
            await _begin(partition)
        raise
    return Answer([answer.item.get("resourceBody", {})], answer.charge)


async def _begin(partition: Partition) -> None:
    """Make the sum of what an earlier release may have written. Nobody can write more before it is there."""
    item: Item = {"id": _SUM, "tenant": partition.key, "type": _SUM, "bytes": await _summed(partition)}
    try:
        await partition.create(item)
    except RejectedError:
        return  # somebody was faster


async def _used(partition: Partition) -> int:
    try:
        return (await partition.read(_SUM)).item["bytes"]
    except RejectedError:
        return await _summed(partition)


async def _summed(partition: Partition) -> int:
    found = [await partition.query(_SIZES, {"type": kind}) for kind in _KINDS]
    return sum(item["size"] for answer in found for item in answer.items)


async def _expect_room(partition: Partition, size_bytes: int, most_bytes: int) -> None:
    """Raise QuotaError, unless there is room after all: then somebody made it meanwhile."""
    used = await _used(partition)
    if used + size_bytes > most_bytes:
        raise full(size_bytes, used_bytes=used, most_bytes=most_bytes)
