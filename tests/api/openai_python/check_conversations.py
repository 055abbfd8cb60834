"""Conversations and their items, in order and page by page."""

from typing import Any

import openai
import pytest


def message(text: str) -> Any:
    return {"type": "message", "role": "user", "content": text}


def test_a_conversation_is_made_changed_and_deleted(client: openai.OpenAI) -> None:
    made = client.conversations.create(metadata={"topic": "gates"}, items=[message("One.")])
    assert (made.object, made.metadata) == ("conversation", {"topic": "gates"})
    changed = client.conversations.update(made.id, metadata={"topic": "wells"})
    assert client.conversations.retrieve(made.id).metadata == changed.metadata == {"topic": "wells"}
    gone = client.conversations.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "conversation.deleted", True)
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(made.id)


def test_what_is_another_tenants_is_not_found(client: openai.OpenAI, product: Any) -> None:
    conversation = client.conversations.create().id
    stranger = openai.OpenAI(base_url=product.base_url, api_key=product.other_key, max_retries=0)
    with stranger, pytest.raises(openai.NotFoundError):
        stranger.conversations.retrieve(conversation)
