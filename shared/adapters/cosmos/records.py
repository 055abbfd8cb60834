"""Records of any type as items of the tenant's partition, guarded by the service's etags.

Every write carries a mark of its own, so a write that was repeated after an unclear answer knows itself again.
"""

import json
from collections.abc import Mapping, MutableSequence
from typing import Literal
from uuid import uuid4

from shared.adapters.cosmos import names
from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import RECORDS
from shared.adapters.cosmos.failures import NOT_FOUND, RejectedError
from shared.adapters.cosmos.operations import Item
from shared.adapters.cosmos.partition import Answer, Partition
from shared.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PreconditionFailedError,
)
from shared.ports.codec import Codec
from shared.ports.records import Page, Record, Stored
from shared.wire.versions import Upgrades

ROUNDS = 5
_LIST = "SELECT TOP {limit} * FROM c WHERE {conditions} ORDER BY c.key {direction}"
_NO_ETAG = '"none"'
"""What no item ever has; an empty If-Match would be no condition."""


class CosmosRecords[T: Record]:
    """All records of `record_type`. Implements `Records`."""

    def __init__(self, account: CosmosAccount, record_type: type[T], *, upgrades: Upgrades | None = None) -> None:
        self._account = account
        self._codec = Codec(record_type, upgrades)
        self._kind = self._codec.kind

    async def get(self, tenant: str, record_id: str) -> Stored[T]:
        found = await self._find(tenant, record_id)
        return self._stored(found.item, found.charge)

    async def create(self, value: T) -> Stored[T]:
        item, partition = self._item(value), self._partition(value.tenant)
        for _ in range(ROUNDS):
            try:
                return self._written(value, await partition.create(item))
            except RejectedError as error:
                found = await self._find_or_none(value.tenant, value.id)
                if found is not None and found.item["mark"] == item["mark"]:
                    return self._written(value, found)
                if found is not None:
                    raise ConflictError(f"{self._kind} {value.id!r} exists already.") from error
        raise self._contended(value.id)

    async def replace(self, value: T, *, if_match: str) -> Stored[T]:
        item, partition = self._item(value), self._partition(value.tenant)
        for _ in range(ROUNDS):
            try:
                return self._written(value, await partition.replace(item, etag=if_match or _NO_ETAG))
            except RejectedError:
                found = await self._find(value.tenant, value.id)
                if found.item["mark"] == item["mark"]:
                    return self._written(value, found)
                self._expect(found, value.id, if_match)
        raise self._contended(value.id)

    async def delete(self, tenant: str, record_id: str, *, if_match: str | None = None) -> None:
        """The record is read first: then a delete that finds nothing has been done, by us in an attempt whose answer
        was lost (aiohttp repeats a DELETE unseen), or by somebody else since."""
        for _ in range(ROUNDS):
            found = await self._find(tenant, record_id)
            self._expect(found, record_id, found.item["_etag"] if if_match is None else if_match)
            try:
                await self._partition(tenant).delete(found.item["id"], etag=found.item["_etag"])
            except RejectedError as error:
                if error.status == NOT_FOUND:
                    return
            else:
                return
        raise self._contended(record_id)

    async def list(
        self,
        tenant: str,
        *,
        where: Mapping[str, str] | None = None,
        order: Literal["asc", "desc"] = "desc",
        limit: int = 20,
        after: str | None = None,
        before: str | None = None,
    ) -> Page[T]:
        if limit < 1:
            raise InvalidRequestError(f"The limit {limit!r} is below 1.", param="limit")
        backwards = before is not None and after is None
        low, high = (after, before) if order == "asc" else (before, after)
        conditions, parameters = self._conditions(where or {}, low, high)
        direction = "ASC" if (order == "asc") != backwards else "DESC"
        sql = _LIST.format(limit=limit + 1, conditions=conditions, direction=direction)
        found = await self._partition(tenant).query(sql, parameters)
        items = [self._stored(item, 0.0) for item in found.items[:limit]]
        return Page(tuple(reversed(items) if backwards else items), len(found.items) > limit, found.charge)

    def _conditions(
        self, where: Mapping[str, str], low: str | None, high: str | None
    ) -> tuple[str, Mapping[str, object]]:
        conditions: MutableSequence[str] = ["c.type = @type"]
        parameters: dict[str, object] = {"type": self._kind}
        for name, operator, bound in (("low", ">", low), ("high", "<", high)):
            if bound is not None:
                conditions.append(f"c.key {operator} @{name}")
                parameters[name] = bound
        for name, wanted in where.items():
            conditions.append(f"c.record.{self._codec.field(name)} = @{name}_wanted")
            parameters[f"{name}_wanted"] = wanted
        return " AND ".join(conditions), parameters

    def _partition(self, tenant: str) -> Partition:
        return Partition(self._account, RECORDS, tenant)

    def _id(self, record_id: str) -> str:
        return f"{self._kind}-{names.plain(record_id)}"

    async def _find(self, tenant: str, record_id: str) -> Answer:
        found = await self._find_or_none(tenant, record_id)
        if found is None:
            raise NotFoundError(f"No {self._kind} {record_id!r}.")
        return found

    async def _find_or_none(self, tenant: str, record_id: str) -> Answer | None:
        try:
            return await self._partition(tenant).read(self._id(record_id))
        except RejectedError:
            return None

    def _expect(self, found: Answer, record_id: str, etag: str) -> None:
        self._codec.restore(found.item["record"])  # what a later release wrote is refused, whatever its etag
        if found.item["_etag"] != etag:
            raise PreconditionFailedError(f"{self._kind} {record_id!r} has changed meanwhile.")

    def _contended(self, record_id: str) -> OverloadedError:
        return OverloadedError(f"{self._kind} {record_id!r} is changed by too many at once.", retry_after_s=1)

    def _stored(self, item: Item, charge: float) -> Stored[T]:
        return Stored(self._codec.restore(item["record"]), item["_etag"], charge)

    def _written(self, value: T, answer: Answer) -> Stored[T]:
        return Stored(value, answer.item["_etag"], answer.charge)

    def _item(self, value: T) -> Item:
        return {
            "id": self._id(value.id),
            "tenant": value.tenant,
            "type": self._kind,
            "key": value.id,
            "mark": uuid4().hex,
            "record": json.loads(self._codec.encode(value)),
        }
