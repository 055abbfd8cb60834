"""Conversations of a tenant, and completions that are kept, taken away with all that was said in them."""

from dataclasses import dataclass

from shared.ports.completions import CompletionRecord
from shared.ports.conversations import ConversationItems, ConversationRecord
from shared.ports.erasure import Leaving, Turn
from shared.ports.pages import each
from shared.ports.records import Records, Stored

_ITEMS = 1000


@dataclass(frozen=True, slots=True)
class ErasedConversations[T: ConversationRecord | CompletionRecord]:
    """Of records whose items are a conversation of their id."""

    records: Records[T]
    items: ConversationItems

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        return await each(self.records, leaving.tenant, position, self._wipe)

    async def _wipe(self, stored: Stored[T]) -> int:
        while not await self.items.wipe(stored.value.tenant, stored.value.id, limit=_ITEMS):
            pass
        return 1
