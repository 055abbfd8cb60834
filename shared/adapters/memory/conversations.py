"""Items of conversations in dictionaries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from shared.errors import ConflictError, NotFoundError
from shared.ports.conversations import ConversationItem, ItemPage, check_together


@dataclass(slots=True)
class _Conversation:
    """By the ids of the items, in their order; None for one that was removed."""

    items: dict[str, ConversationItem | None] = field(default_factory=dict[str, ConversationItem | None])
    closed: bool = False


class MemoryConversationItems:
    """Implements `ConversationItems`."""

    def __init__(self) -> None:
        self._conversations: dict[tuple[str, str], _Conversation] = {}

    async def open(self, tenant: str, conversation_id: str, items: Sequence[ConversationItem] = ()) -> None:
        if (tenant, conversation_id) in self._conversations:
            raise ConflictError(f"Conversation {conversation_id!r} exists already.")
        conversation = _Conversation()
        _add(conversation, items)
        self._conversations[tenant, conversation_id] = conversation

    async def append(self, tenant: str, conversation_id: str, items: Sequence[ConversationItem]) -> None:
        conversation = self._conversations.get((tenant, conversation_id))
        if conversation is None or conversation.closed:
            raise NotFoundError(f"No conversation {conversation_id!r}.")
        _add(conversation, items)

    async def get(self, tenant: str, conversation_id: str, item_id: str) -> ConversationItem:
        found = self._of(tenant, conversation_id).items.get(item_id)
        if found is None:
            raise NotFoundError(f"No item {item_id!r}.")
        return found

    async def list(
        self,
        tenant: str,
        conversation_id: str,
        *,
        order: Literal["asc", "desc"] = "desc",
        limit: int = 20,
        after: str | None = None,
    ) -> ItemPage:
        items = self._of(tenant, conversation_id).items
        ids = list(items)[:: 1 if order == "asc" else -1]
        if after is not None and after not in items:
            raise NotFoundError(f"No item {after!r}.", param="after")
        start = 0 if after is None else ids.index(after) + 1
        found = [item for one in ids[start:] if (item := items[one]) is not None]
        return ItemPage(tuple(found[:limit]), has_more=len(found) > limit)

    async def remove(self, tenant: str, conversation_id: str, item_id: str) -> None:
        await self.get(tenant, conversation_id, item_id)
        self._of(tenant, conversation_id).items[item_id] = None

    async def wipe(self, tenant: str, conversation_id: str, *, limit: int) -> bool:
        conversation = self._of(tenant, conversation_id)
        conversation.closed = True
        for item_id in list(conversation.items)[:limit]:
            del conversation.items[item_id]
        if not conversation.items:
            self._conversations.pop((tenant, conversation_id), None)
        return not conversation.items

    def _of(self, tenant: str, conversation_id: str) -> _Conversation:
        return self._conversations.get((tenant, conversation_id), _Conversation())


def _add(conversation: _Conversation, items: Sequence[ConversationItem]) -> None:
    check_together(items)
    ids = [item.id for item in items]
    taken = next((one for place, one in enumerate(ids) if one in conversation.items or one in ids[:place]), None)
    if taken is not None:
        raise ConflictError(f"The conversation has, or had, an item {taken!r}.", param="items")
    conversation.items |= {item.id: item for item in items}
