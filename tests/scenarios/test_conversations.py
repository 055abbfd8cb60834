"""Conversations through the unmodified client."""

import asyncio
from typing import Any

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


CALL: Any = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
SEARCH: Any = {
    "type": "file_search_call",
    "id": "fs_given",
    "queries": ["press"],
    "status": "completed",
    "results": [{"file_id": "file-1", "filename": "a.txt", "score": 0.5, "text": "words"}],
}


async def test_items_come_back_named_and_in_their_order(deck: Deck) -> None:
    conversations = deck.client().conversations
    made = await conversations.create(items=[{"role": "user", "content": "one"}])
    added = await conversations.items.create(
        made.id,
        items=[
            {"role": "assistant", "content": "two"},
            CALL,
            {"type": "function_call_output", "call_id": "call_1", "output": "three"},
            SEARCH,
        ],
    )
    assert [item.type for item in added.data] == [
        "message",
        "function_call",
        "function_call_output",
        "file_search_call",
    ]
    found = [item async for item in conversations.items.list(made.id, order="asc", limit=2)]
    assert [item.type for item in found] == ["message", *(item.type for item in added.data)]
    assert [item.id for item in found[1:]] == [item.id for item in added.data]
    first, second = found[0], found[1]
    assert first.type == second.type == "message"
    assert [(part.type, part.text) for part in first.content] == [("input_text", "one")]
    assert [(part.type, part.text) for part in second.content] == [("output_text", "two")]
    assert (first.role, first.status, second.role) == ("user", "completed", "assistant")


async def test_what_was_found_is_told_to_who_asks_for_it(deck: Deck) -> None:
    conversations = deck.client().conversations
    made = await conversations.create(items=[SEARCH])
    plain = await conversations.items.retrieve("fs_given", conversation_id=made.id)
    full = await conversations.items.retrieve("fs_given", conversation_id=made.id, include=["file_search_call.results"])
    assert plain.type == full.type == "file_search_call"
    assert (plain.results, [result.text for result in full.results or ()]) == (None, ["words"])
    listed = await conversations.items.list(made.id, include=["file_search_call.results"])
    assert listed.data == [full]


async def test_all_items_can_be_deleted_while_they_are_listed(deck: Deck) -> None:
    conversations = deck.client().conversations
    made = await conversations.create(items=[{"role": "user", "content": str(number)} for number in range(7)])
    async for item in conversations.items.list(made.id, limit=2):
        left = await conversations.items.delete(item.id or "", conversation_id=made.id)
        assert left.id == made.id
    assert (await conversations.items.list(made.id)).data == []
    with pytest.raises(openai.NotFoundError, match="No item 'msg_nowhere'"):
        await conversations.items.delete("msg_nowhere", conversation_id=made.id)
    with pytest.raises(openai.NotFoundError) as refused:
        await conversations.items.list(made.id, after="msg_nowhere")
    assert refused.value.param == "after"


async def test_many_that_add_at_once_all_add_whole_turns(deck: Deck) -> None:
    items = deck.client().conversations.items
    made = await deck.client().conversations.create()

    async def turn(number: int) -> None:
        said: Any = [{"role": role, "content": str(number)} for role in ("user", "assistant")]
        await items.create(made.id, items=said)

    await asyncio.gather(*(turn(number) for number in range(10)))
    texts = [item.content[0].text async for item in items.list(made.id, order="asc")]
    assert texts[::2] == texts[1::2]
    assert sorted(texts[::2]) == [str(number) for number in range(10)]


@pytest.mark.parametrize(
    ("items", "param"),
    [
        ([{"role": "user", "content": "x"}] * 21, "items"),
        ([], "items"),
        ([{"type": "telepathy"}], "items.0"),
        ([{"type": "item_reference", "id": "msg_1"}], "items.0"),
        ([{"role": "king", "content": "x"}], "items.0.message.role"),
        ([{"role": "user", "content": [{"type": "smell"}]}], "items.0.message.content"),
        ([{"role": "user", "content": "x", "id": "i" * 129}], "items"),
        ([{"role": "user", "content": "x", "id": "msg_twice"}] * 2, "items"),
    ],
)
async def test_bad_items_are_refused_and_none_is_added(deck: Deck, items: Any, param: str) -> None:
    conversations = deck.client().conversations
    made = await conversations.create()
    with pytest.raises((openai.BadRequestError, openai.ConflictError)) as refused:
        await conversations.items.create(made.id, items=items)
    assert (refused.value.param or "").startswith(param)
    assert (await conversations.items.list(made.id)).data == []


async def test_items_that_are_too_large_are_413(deck: Deck) -> None:
    conversations = deck.client().conversations
    made = await conversations.create()
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 900_000, "detail": "auto"}
    with pytest.raises(openai.APIStatusError, match="900000 at once are allowed") as refused:
        await conversations.items.create(made.id, items=[{"role": "user", "content": [image]}])
    assert refused.value.status_code == 413
