"""What is said in a conversation, as clients add to it, read it, and take out of it."""

from dataclasses import dataclass

from shared.answers.conversations import Conversations, conversation_object
from shared.answers.items import EVERYTHING, kept, shown
from shared.errors import NotFoundError
from shared.ports.conversations import ConversationItem
from shared.ports.keys import Caller
from shared.wire.conversations import ConversationObject, ItemObject, ItemQuery, ItemsBody, ItemsQuery
from shared.wire.lists import ListPage
from shared.wire.response_items import Item


@dataclass(frozen=True, slots=True)
class ConversationItemAnswers:
    conversations: Conversations

    async def create(self, caller: Caller, conversation_id: str, body: ItemsBody) -> ListPage[Item]:
        """All of them, or none. They are shown as they are kept, with nothing left out."""
        items = kept(body.items, self.conversations.clock)
        await self.conversations.append(caller.tenant, conversation_id, items)
        return _page([shown(item, EVERYTHING) for item in items], has_more=False)

    async def list(self, caller: Caller, conversation_id: str, query: ItemsQuery) -> ListPage[Item]:
        await self.conversations.standing(caller.tenant, conversation_id)
        page = await self.conversations.items.list(
            caller.tenant, conversation_id, order=query.order, limit=query.limit, after=query.after
        )
        return _page([shown(item, query.include) for item in page.items], has_more=page.has_more)

    async def retrieve(self, caller: Caller, conversation_id: str, item_id: str, query: ItemQuery) -> ItemObject:
        await self.conversations.standing(caller.tenant, conversation_id)
        return ItemObject(shown(await self._get(caller, conversation_id, item_id), query.include))

    async def delete(self, caller: Caller, conversation_id: str, item_id: str) -> ConversationObject:
        """The conversation without it."""
        stored = await self.conversations.standing(caller.tenant, conversation_id)
        try:
            await self.conversations.items.remove(caller.tenant, conversation_id, item_id)
        except NotFoundError as error:
            raise _missing(item_id) from error
        return conversation_object(stored.value)

    async def _get(self, caller: Caller, conversation_id: str, item_id: str) -> ConversationItem:
        try:
            return await self.conversations.items.get(caller.tenant, conversation_id, item_id)
        except NotFoundError as error:
            raise _missing(item_id) from error


def _page(items: list[Item], *, has_more: bool) -> ListPage[Item]:
    first, last = (items[0].id, items[-1].id) if items else (None, None)
    return ListPage(data=items, first_id=first, last_id=last, has_more=has_more)


def _missing(item_id: str) -> NotFoundError:
    return NotFoundError(f"No item {item_id!r} in this conversation.", param="item_id")
