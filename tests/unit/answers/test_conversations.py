"""Conversations over stores that keep everything: what a deletion leaves, and what more than one write brings."""

from dataclasses import replace

import pytest

from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.conversations import MemoryConversationItems
from shared.adapters.memory.records import MemoryRecords
from shared.answers.conversations import Conversations
from shared.errors import NotFoundError, OverloadedError, TooLargeError
from shared.ports.conversations import MAX_TOGETHER_BYTES, ConversationItem, ConversationRecord
from shared.ports.keys import Caller
from shared.ports.records import TenantRecord
from shared.retrieval.tenants import Tenants
from shared.wire.conversations import ConversationBody, ConversationChanges

ANN = Caller("acme", "key")


class Stumbling(MemoryConversationItems):
    """A store that is gone after so many wipes, as for a process that is killed."""

    wipes = 100

    async def wipe(self, tenant: str, conversation_id: str, *, limit: int) -> bool:
        if not self.wipes:
            raise OverloadedError("gone")
        self.wipes -= 1
        return await super().wipe(tenant, conversation_id, limit=limit)


@pytest.fixture
def items() -> Stumbling:
    return Stumbling()


@pytest.fixture
def conversations(items: Stumbling) -> Conversations:
    clock = ManualClock()
    return Conversations(MemoryRecords(ConversationRecord), items, Tenants(MemoryRecords(TenantRecord)), clock)


def said(count: int, size: int = 2) -> list[ConversationItem]:
    return [ConversationItem(f"msg_{number:05}", "x" * size) for number in range(count)]


async def made(conversations: Conversations, count: int) -> str:
    conversation = await conversations.create(ANN, ConversationBody())
    await conversations.append("acme", conversation.id, said(count))
    return conversation.id


async def test_more_than_one_write_takes_is_read_in_its_order(conversations: Conversations) -> None:
    conversation_id = await made(conversations, 450)
    assert await conversations.read("acme", conversation_id) == said(450)


async def test_items_that_are_large_together_are_written_apart(conversations: Conversations) -> None:
    conversation = await conversations.create(ANN, ConversationBody())
    large = said(5, size=MAX_TOGETHER_BYTES // 2 - 100)
    await conversations.append("acme", conversation.id, large)
    assert await conversations.read("acme", conversation.id) == large
    with pytest.raises(TooLargeError):
        await conversations.append("acme", conversation.id, [ConversationItem("a", "x" * MAX_TOGETHER_BYTES)])


async def test_a_long_conversation_is_gone_at_once_and_erased_by_the_timer(
    conversations: Conversations, items: Stumbling
) -> None:
    conversation_id = await made(conversations, 2500)
    await conversations.delete(ANN, conversation_id)
    with pytest.raises(NotFoundError):
        await conversations.retrieve(ANN, conversation_id)
    with pytest.raises(NotFoundError):
        await conversations.append("acme", conversation_id, [ConversationItem("a", "{}")])
    assert (await items.list("acme", conversation_id)).items
    await conversations.finish_deletions()
    assert not (await items.list("acme", conversation_id)).items
    assert not (await conversations.records.list("acme")).items


async def test_a_deletion_that_was_cut_off_is_ended_by_its_repetition(
    conversations: Conversations, items: Stumbling
) -> None:
    conversation_id = await made(conversations, 3)
    items.wipes = 0
    with pytest.raises(OverloadedError):
        await conversations.delete(ANN, conversation_id)
    items.wipes = 1
    assert (await conversations.delete(ANN, conversation_id)).deleted
    assert not (await conversations.records.list("acme")).items


async def test_the_timer_stops_with_its_budget_and_goes_on_with_the_next_run(
    conversations: Conversations, items: Stumbling
) -> None:
    ids = [await made(conversations, 1500) for _ in range(2)]
    for conversation_id in ids:
        await conversations.delete(ANN, conversation_id)
    items.wipes = 1
    with pytest.raises(OverloadedError):
        await conversations.finish_deletions()
    items.wipes = 100
    await replace(conversations, budget_s=-1).finish_deletions()
    assert len((await conversations.records.list("acme")).items) <= 1
    await conversations.finish_deletions()
    assert not (await conversations.records.list("acme")).items


async def test_metadata_is_replaced_whole_and_null_takes_it_away(conversations: Conversations) -> None:
    made = await conversations.create(ANN, ConversationBody(metadata={"a": "1"}))
    changed = await conversations.update(ANN, made.id, ConversationChanges(metadata={"b": "2"}))
    assert (await conversations.retrieve(ANN, made.id)).metadata == changed.metadata == {"b": "2"}
    assert (await conversations.update(ANN, made.id, ConversationChanges(metadata=None))).metadata == {}
