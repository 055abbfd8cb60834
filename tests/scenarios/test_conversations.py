"""Conversations through the unmodified client."""

import openai
import pytest

from tests.scenarios.deck import Deck


async def test_a_conversation_is_made_changed_and_deleted(deck: Deck) -> None:
    conversations = deck.client().conversations
    made = await conversations.create(metadata={"topic": "press"})
    assert (made.object, made.id[:5], made.metadata) == ("conversation", "conv_", {"topic": "press"})
    await conversations.update(made.id, metadata={"topic": "mill"})
    assert (await conversations.retrieve(made.id)).metadata == {"topic": "mill"}
    deleted = await conversations.delete(made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "conversation.deleted", True)
    for call in (conversations.retrieve(made.id), conversations.delete(made.id)):
        with pytest.raises(openai.NotFoundError, match=f"No conversation '{made.id}'"):
            await call


async def test_bad_metadata_is_refused_by_its_name(deck: Deck) -> None:
    conversations = deck.client().conversations
    for metadata in ({"a" * 65: "b"}, {"a": "b" * 513}, {str(number): "" for number in range(17)}):
        with pytest.raises(openai.BadRequestError) as refused:
            await conversations.create(metadata=metadata)
        assert (refused.value.param or "").startswith("metadata")
