"""Conversations and their items, in order and page by page."""

from typing import Any

import openai
import pytest


def message(text: str) -> Any:
    return {"type": "message", "role": "user", "content": text}


def texts(items: Any) -> list[str]:
    return [item.content[0].text for item in items]


def test_a_conversation_is_made_changed_and_deleted(client: openai.OpenAI) -> None:
    made = client.conversations.create(metadata={"topic": "gates"}, items=[message("One.")])
    assert (made.object, made.metadata) == ("conversation", {"topic": "gates"})
    changed = client.conversations.update(made.id, metadata={"topic": "wells"})
    assert client.conversations.retrieve(made.id).metadata == changed.metadata == {"topic": "wells"}
    gone = client.conversations.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "conversation.deleted", True)
    with pytest.raises(openai.NotFoundError):
        client.conversations.retrieve(made.id)


def test_items_are_added_read_walked_and_deleted(client: openai.OpenAI) -> None:
    conversation = client.conversations.create(items=[message("One.")]).id
    items = client.conversations.items
    added = items.create(conversation, items=[message("Two."), message("Three."), message("Four.")])
    assert texts(added.data) == ["Two.", "Three.", "Four."]
    assert texts(items.list(conversation, order="asc", limit=1)) == ["One.", "Two.", "Three.", "Four."]
    assert texts(items.list(conversation, limit=3)) == ["Four.", "Three.", "Two.", "One."]
    two: Any = added.data[0]
    assert texts([items.retrieve(two.id, conversation_id=conversation)]) == ["Two."]
    assert items.delete(two.id, conversation_id=conversation).id == conversation
    assert texts(items.list(conversation, order="asc")) == ["One.", "Three.", "Four."]
    with pytest.raises(openai.NotFoundError):
        items.retrieve(two.id, conversation_id=conversation)


def test_a_response_is_added_to_its_conversation(client: openai.OpenAI, upstream: Any) -> None:
    conversation = client.conversations.create(items=[message("I am Ann.")])
    made = client.responses.create(model="chat", input="Who am I?", conversation=conversation.id)
    assert made.conversation
    assert made.conversation.id == conversation.id
    told = texts(client.conversations.items.list(conversation.id, order="asc"))
    assert told == ["I am Ann.", "Who am I?", "Scripted answer."]
    assert [one["content"] for one in upstream.bodies()[0]["messages"]] == ["I am Ann.", "Who am I?"]


def test_what_is_another_tenants_is_not_found(client: openai.OpenAI, product: Any) -> None:
    conversation = client.conversations.create().id
    stranger = openai.OpenAI(base_url=product.base_url, api_key=product.other_key, max_retries=0)
    with stranger:
        for ask in (
            lambda: stranger.conversations.retrieve(conversation),
            lambda: stranger.conversations.items.create(conversation, items=[message("Me, too.")]),
        ):
            with pytest.raises(openai.NotFoundError):
                ask()
