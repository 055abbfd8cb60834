"""Items of conversations, each conversation a partition: its head counts the places, every item has one.

Items come with the head's new count in one transactional batch, guarded by the head's etag, so that no two have the
same place and none is missing. Each carries the mark of its append, which thereby knows itself again.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal
from uuid import uuid4

from shared.adapters.cosmos import names
from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import CONVERSATIONS
from shared.adapters.cosmos.failures import CONFLICT, RejectedError
from shared.adapters.cosmos.operations import MAX_OPERATIONS, Item, Operation, create, delete, patch, put, remove
from shared.adapters.cosmos.partition import Partition
from shared.errors import ConflictError, NotFoundError, OverloadedError
from shared.ports.conversations import ConversationItem, ItemPage, check_together

_HEAD = "head"
_ROUNDS = 20
_LIST = (
    "SELECT TOP {limit} * FROM c WHERE c.seq > @low AND c.seq < @high AND IS_DEFINED(c.body) ORDER BY c.seq {direction}"
)
_EVERY = "SELECT TOP {limit} c.id FROM c WHERE c.seq > @low ORDER BY c.seq ASC"
_THERE = "FROM c WHERE IS_DEFINED(c.body)"
_FIRST, _LAST = -1, 2**53 - 1


class CosmosConversationItems:
    """Implements `ConversationItems`."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def open(self, tenant: str, conversation_id: str, items: Sequence[ConversationItem] = ()) -> None:
        check_together(items)
        partition, mark = self._partition(tenant, conversation_id), uuid4().hex
        head = {"id": _HEAD, "pk": partition.key, "next": len(items), "closed": False, "mark": mark}
        try:
            await partition.batch([create(head), *_creations(partition, items, 0, mark)])
        except RejectedError as error:
            if error.doubtful and await _mark_of(partition, _HEAD) == mark:
                return
            if error.at(0, CONFLICT):
                raise ConflictError(f"Conversation {conversation_id!r} exists already.") from error
            raise _taken(items[error.index - 1].id) from error

    async def append(self, tenant: str, conversation_id: str, items: Sequence[ConversationItem]) -> None:
        check_together(items)
        partition, mark = self._partition(tenant, conversation_id), uuid4().hex
        for number in range(_ROUNDS):
            head = await _open_head(partition, conversation_id)
            counted = patch(_HEAD, put("/next", head["next"] + len(items)), put("/mark", mark), etag=head["_etag"])
            try:
                await partition.batch([counted, *_creations(partition, items, head["next"], mark)])
            except RejectedError as error:
                if error.doubtful and await _mark_of(partition, _item_id(items[0].id)) == mark:
                    return
                if error.status == CONFLICT:
                    raise _taken(items[error.index - 1].id) from error
                await asyncio.sleep(self._account.retry_s * random.uniform(0, number))  # noqa: S311 -- spreads retries
            else:
                return
        raise OverloadedError(f"Conversation {conversation_id!r} is added to by too many at once.", retry_after_s=1)

    async def get(self, tenant: str, conversation_id: str, item_id: str) -> ConversationItem:
        item = await _find(self._partition(tenant, conversation_id), item_id)
        if item is None or "body" not in item:
            raise NotFoundError(f"No item {item_id!r}.")
        return ConversationItem(item_id, item["body"])

    async def list(
        self,
        tenant: str,
        conversation_id: str,
        *,
        order: Literal["asc", "desc"] = "desc",
        limit: int = 20,
        after: str | None = None,
    ) -> ItemPage:
        partition, low, high = self._partition(tenant, conversation_id), _FIRST, _LAST
        if after is not None:
            item = await _find(partition, after)
            if item is None:
                raise NotFoundError(f"No item {after!r}.", param="after")
            low, high = (item["seq"], high) if order == "asc" else (low, item["seq"])
        sql = _LIST.format(limit=limit + 1, direction=order.upper())
        found = (await partition.query(sql, {"low": low, "high": high})).items
        items = tuple(ConversationItem(one["key"], one["body"]) for one in found[:limit])
        return ItemPage(items, has_more=len(found) > limit)

    async def remove(self, tenant: str, conversation_id: str, item_id: str) -> None:
        partition, mark = self._partition(tenant, conversation_id), uuid4().hex
        forgotten = patch(_item_id(item_id), remove("/body"), put("/mark", mark), predicate=_THERE)
        for _ in range(_ROUNDS):
            try:
                await partition.batch([forgotten])
            except RejectedError as error:
                item = await _find(partition, item_id)
                if item is None or ("body" not in item and item["mark"] != mark):
                    raise NotFoundError(f"No item {item_id!r}.") from error
                if "body" not in item:
                    return
            else:
                return
        raise OverloadedError(f"Item {item_id!r} is changed by too many at once.", retry_after_s=1)

    async def wipe(self, tenant: str, conversation_id: str, *, limit: int) -> bool:
        partition = self._partition(tenant, conversation_id)
        with suppress(RejectedError):  # nothing but its absence is a reason to reject it
            await partition.batch([patch(_HEAD, put("/closed", value=True))])
        while limit > 0:
            size = min(limit, MAX_OPERATIONS)
            found = (await partition.query(_EVERY.format(limit=size + 1), {"low": _FIRST})).items
            if await _erased(partition, found[:size]) and len(found) <= size:
                await _erased(partition, [{"id": _HEAD}])
                return True
            limit -= size
        return False

    def _partition(self, tenant: str, conversation_id: str) -> Partition:
        return Partition(self._account, CONVERSATIONS, names.joined(tenant, conversation_id))


async def _open_head(partition: Partition, conversation_id: str) -> Item:
    """Raise NotFoundError when there is none, or no more."""
    head = await _read(partition, _HEAD)
    if head is None or head["closed"]:
        raise NotFoundError(f"No conversation {conversation_id!r}.")
    return head


async def _find(partition: Partition, item_id: str) -> Item | None:
    return await _read(partition, _item_id(item_id))


async def _mark_of(partition: Partition, cosmos_id: str) -> str | None:
    item = await _read(partition, cosmos_id)
    return None if item is None else item["mark"]


async def _read(partition: Partition, cosmos_id: str) -> Item | None:
    try:
        return (await partition.read(cosmos_id)).item
    except RejectedError:
        return None


async def _erased(partition: Partition, items: Sequence[Item]) -> bool:
    """False when one of them was gone already, and none was erased."""
    try:
        if items:
            await partition.batch([delete(one["id"]) for one in items])
    except RejectedError:
        return False
    return True


def _creations(partition: Partition, items: Sequence[ConversationItem], first: int, mark: str) -> list[Operation]:
    return [
        create(
            {
                "id": _item_id(item.id),
                "pk": partition.key,
                "seq": seq,
                "key": item.id,
                "body": item.body,
                "mark": mark,
            }
        )
        for seq, item in enumerate(items, first)
    ]


def _item_id(item_id: str) -> str:
    return f"item-{names.plain(item_id)}"


def _taken(item_id: str) -> ConflictError:
    return ConflictError(f"The conversation has, or had, an item {item_id!r}.", param="items")
