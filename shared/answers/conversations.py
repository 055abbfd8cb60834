"""Conversations: made, changed, added to, and deleted to the last item."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.answers.items import kept
from shared.errors import NotFoundError, OverloadedError, PreconditionFailedError
from shared.ports.clock import Clock
from shared.ports.conversations import (
    MAX_TOGETHER,
    MAX_TOGETHER_BYTES,
    ConversationItem,
    ConversationItems,
    ConversationRecord,
    check_together,
    size_bytes,
)
from shared.ports.keys import Caller
from shared.ports.records import Records, Stored
from shared.retrieval.tenants import Tenants
from shared.wire.conversations import ConversationBody, ConversationChanges, ConversationObject
from shared.wire.lists import Deleted

log = logging.getLogger(__name__)

_ROUNDS = 8
_ERASED_AT_ONCE = 1000
"""Items that a client waits for; the timer erases the rest of a longer conversation."""

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Conversations:
    records: Records[ConversationRecord]
    items: ConversationItems
    tenants: Tenants
    clock: Clock
    budget_s: float = 60

    async def create(self, caller: Caller, body: ConversationBody) -> ConversationObject:
        record = ConversationRecord(
            self.clock.new_id("conv_"), caller.tenant, self.clock.now(), metadata=body.metadata or {}
        )
        items = kept(body.items or (), self.clock)
        check_together(items)
        await self.records.create(record)
        await self.items.open(caller.tenant, record.id, items)
        return conversation_object(record)

    async def retrieve(self, caller: Caller, conversation_id: str) -> ConversationObject:
        return conversation_object((await self.standing(caller.tenant, conversation_id)).value)

    async def update(self, caller: Caller, conversation_id: str, body: ConversationChanges) -> ConversationObject:
        for _ in range(_ROUNDS):
            stored = await self.standing(caller.tenant, conversation_id)
            changed = replace(stored.value, metadata=body.metadata or {})
            if await self._replaced(stored, changed):
                return conversation_object(changed)
        raise _contended(conversation_id)

    async def delete(self, caller: Caller, conversation_id: str) -> Deleted:
        """From now on it is not there. Its items go, too; what a crash leaves undone is done by a repetition, or by
        `finish_deletions`."""
        await self.tenants.enter(caller.tenant)  # or no timer would come by
        for _ in range(_ROUNDS):
            stored = await self._get(caller.tenant, conversation_id)
            if await self._replaced(stored, replace(stored.value, state="deleted", metadata={})):
                await self._erase(stored.value)
                return Deleted(id=conversation_id, object="conversation.deleted")
        raise _contended(conversation_id)

    async def append(self, tenant: str, conversation_id: str, items: Sequence[ConversationItem]) -> None:
        """In this order, behind all that is there. So many that the store takes them in several writes may be parted by
        somebody else's. Raise NotFoundError, ConflictError, TooLargeError."""
        for some in together(items):
            try:
                await self.items.append(tenant, conversation_id, some)
            except NotFoundError as error:
                raise _missing(conversation_id) from error

    async def read(self, tenant: str, conversation_id: str) -> list[ConversationItem]:
        """Every item, the oldest first. Raise NotFoundError."""
        await self.standing(tenant, conversation_id)
        found: list[ConversationItem] = []
        has_more = True
        while has_more:
            after = found[-1].id if found else None
            page = await self.items.list(tenant, conversation_id, order="asc", limit=_PAGE, after=after)
            found += page.items
            has_more = page.has_more
        return found

    async def finish_deletions(self) -> None:
        """Erase what is left of conversations that were deleted, tenant by tenant, for the budget."""
        began, finished = self.clock.monotonic(), 0
        tenant = await self.tenants.after(None)
        while tenant is not None:
            page = await self.records.list(tenant, where={"state": "deleted"}, order="asc", limit=_PAGE)
            for stored in page.items:
                while not await self._erase(stored.value):
                    if self.clock.monotonic() - began > self.budget_s:
                        return
                finished += 1
            if not page.has_more:
                tenant = await self.tenants.after(tenant)
        log.info("deleted conversations are erased finished=%s", finished)

    async def standing(self, tenant: str, conversation_id: str) -> Stored[ConversationRecord]:
        """One that is not deleted. Raise NotFoundError."""
        stored = await self._get(tenant, conversation_id)
        if stored.value.state == "deleted":
            raise _missing(conversation_id)
        return stored

    async def _get(self, tenant: str, conversation_id: str) -> Stored[ConversationRecord]:
        try:
            return await self.records.get(tenant, conversation_id)
        except NotFoundError as error:
            raise _missing(conversation_id) from error

    async def _replaced(self, stored: Stored[ConversationRecord], changed: ConversationRecord) -> bool:
        """Whether nobody was faster."""
        try:
            await self.records.replace(changed, if_match=stored.etag)
        except (PreconditionFailedError, NotFoundError):
            return False
        return True

    async def _erase(self, record: ConversationRecord) -> bool:
        """Whether nothing is left. The record goes last: as long as it is there, somebody will go on."""
        if not await self.items.wipe(record.tenant, record.id, limit=_ERASED_AT_ONCE):
            return False
        with suppress(NotFoundError):
            await self.records.delete(record.tenant, record.id)
        return True


def together(items: Sequence[ConversationItem]) -> list[list[ConversationItem]]:
    """In as few groups as may be appended at once."""
    groups: list[list[ConversationItem]] = []
    size = 0
    for item in items:
        size += size_bytes(item)
        if not groups or len(groups[-1]) == MAX_TOGETHER or size > MAX_TOGETHER_BYTES:
            groups.append([])
            size = size_bytes(item)
        groups[-1].append(item)
    return groups


def _missing(conversation_id: str) -> NotFoundError:
    return NotFoundError(f"No conversation {conversation_id!r}.", param="conversation_id")


def _contended(conversation_id: str) -> OverloadedError:
    return OverloadedError(f"Conversation {conversation_id!r} is changed by too many at once.", retry_after_s=1)


def conversation_object(record: ConversationRecord) -> ConversationObject:
    return ConversationObject(
        id=record.id, created_at=int(record.created_at.timestamp()), metadata=dict(record.metadata)
    )
