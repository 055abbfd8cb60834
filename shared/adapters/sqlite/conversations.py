"""Items of conversations in a table, in the order of their places; another table counts the places."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import rows
from shared.errors import ConflictError, NotFoundError
from shared.ports.conversations import ConversationItem, ItemPage, check_together

if TYPE_CHECKING:
    import apsw

_OPEN = "INSERT INTO conversations (tenant, id, next) VALUES (?, ?, 0) ON CONFLICT DO NOTHING RETURNING next"
_COUNT = "UPDATE conversations SET next = next + ? WHERE tenant = ? AND id = ? AND closed = 0 RETURNING next"
_ADD = """
INSERT INTO conversation_items (tenant, conversation, seq, id, body) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING RETURNING seq
"""
_GET = "SELECT body FROM conversation_items WHERE tenant = ? AND conversation = ? AND id = ? AND body IS NOT NULL"
_PLACE = "SELECT seq FROM conversation_items WHERE tenant = ? AND conversation = ? AND id = ?"
_LIST = """
SELECT id, body FROM conversation_items
WHERE tenant = ? AND conversation = ? AND seq > ? AND seq < ? AND body IS NOT NULL ORDER BY seq {direction} LIMIT ?
"""
_REMOVE = """
UPDATE conversation_items SET body = NULL
WHERE tenant = ? AND conversation = ? AND id = ? AND body IS NOT NULL RETURNING seq
"""
_CLOSE = "UPDATE conversations SET closed = 1 WHERE tenant = ? AND id = ?"
_ERASE = """
DELETE FROM conversation_items WHERE rowid IN (
  SELECT rowid FROM conversation_items WHERE tenant = ? AND conversation = ? LIMIT ?
)
"""
_ANY = "SELECT 1 FROM conversation_items WHERE tenant = ? AND conversation = ? LIMIT 1"
_FORGET = "DELETE FROM conversations WHERE tenant = ? AND id = ?"
_FIRST, _LAST = -1, 2**62


class SqliteConversationItems:
    """Implements `ConversationItems`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def open(self, tenant: str, conversation_id: str, items: Sequence[ConversationItem] = ()) -> None:
        check_together(items)

        def work(connection: "apsw.Connection") -> None:
            if not rows(connection, _OPEN, (tenant, conversation_id)):
                raise ConflictError(f"Conversation {conversation_id!r} exists already.")
            _add(connection, tenant, conversation_id, items)

        await self._database.write(work)

    async def append(self, tenant: str, conversation_id: str, items: Sequence[ConversationItem]) -> None:
        check_together(items)
        await self._database.write(lambda connection: _add(connection, tenant, conversation_id, items))

    async def get(self, tenant: str, conversation_id: str, item_id: str) -> ConversationItem:
        wanted = (tenant, conversation_id, item_id)
        for (body,) in await self._database.look_up(lambda connection: rows(connection, _GET, wanted)):
            return ConversationItem(item_id, body)
        raise NotFoundError(f"No item {item_id!r}.")

    async def list(
        self,
        tenant: str,
        conversation_id: str,
        *,
        order: Literal["asc", "desc"] = "desc",
        limit: int = 20,
        after: str | None = None,
    ) -> ItemPage:
        def work(connection: "apsw.Connection") -> ItemPage:
            low, high = _FIRST, _LAST
            if after is not None:
                place = _place(connection, tenant, conversation_id, after)
                low, high = (place, high) if order == "asc" else (low, place)
            sql = _LIST.format(direction=order.upper())
            found = rows(connection, sql, (tenant, conversation_id, low, high, limit + 1))
            return ItemPage(tuple(ConversationItem(*row) for row in found[:limit]), has_more=len(found) > limit)

        return await self._database.read(work)

    async def remove(self, tenant: str, conversation_id: str, item_id: str) -> None:
        wanted = (tenant, conversation_id, item_id)
        if not await self._database.write(lambda connection: rows(connection, _REMOVE, wanted)):
            raise NotFoundError(f"No item {item_id!r}.")

    async def wipe(self, tenant: str, conversation_id: str, *, limit: int) -> bool:
        def work(connection: "apsw.Connection") -> bool:
            connection.execute(_CLOSE, (tenant, conversation_id))
            connection.execute(_ERASE, (tenant, conversation_id, limit))
            if rows(connection, _ANY, (tenant, conversation_id)):
                return False
            connection.execute(_FORGET, (tenant, conversation_id))
            return True

        return await self._database.write(work)


def _add(connection: "apsw.Connection", tenant: str, conversation_id: str, items: Sequence[ConversationItem]) -> None:
    counted = rows(connection, _COUNT, (len(items), tenant, conversation_id))
    if not counted:
        raise NotFoundError(f"No conversation {conversation_id!r}.")
    ((following,),) = counted
    for seq, item in enumerate(items, following - len(items)):
        if not rows(connection, _ADD, (tenant, conversation_id, seq, item.id, item.body)):
            raise ConflictError(f"The conversation has, or had, an item {item.id!r}.", param="items")


def _place(connection: "apsw.Connection", tenant: str, conversation_id: str, item_id: str) -> int:
    for (seq,) in rows(connection, _PLACE, (tenant, conversation_id, item_id)):
        return seq
    raise NotFoundError(f"No item {item_id!r}.", param="after")
