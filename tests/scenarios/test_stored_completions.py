"""Chat completions that are stored, through the unmodified client: written when they are whole, found again."""

from typing import Any
from uuid import uuid4

import openai
import pytest

from tests.scenarios.deck import Deck
from tests.upstream import Step

MESSAGES: Any = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": [{"type": "text", "text": "Say something."}]},
]


async def test_a_plain_answer_is_found_again_with_its_messages(deck: Deck) -> None:
    completions = deck.client().chat.completions
    answer = await completions.create(model="chat", messages=MESSAGES, store=True, metadata={"topic": "press"})
    found = await completions.retrieve(answer.id)
    assert found.choices == answer.choices
    assert (found.usage, found.model, found.to_dict()["metadata"]) == (answer.usage, answer.model, {"topic": "press"})
    first, second = [message async for message in completions.messages.list(answer.id, limit=1)]
    assert (first.role, first.content, first.content_parts) == ("system", "Be short.", None)
    assert (second.role, second.content) == ("user", None)
    assert [part.to_dict() for part in second.content_parts or ()] == MESSAGES[1]["content"]
    assert [one.id for one in (await completions.messages.list(answer.id, order="desc")).data] == [second.id, first.id]
    asked = deck.upstream.journal.of("chat")[0].body
    assert asked.keys().isdisjoint({"store", "metadata"}), "it is we who store"


async def test_a_streamed_answer_is_there_when_its_stream_ends(deck: Deck) -> None:
    completions = deck.client().chat.completions
    deck.upstream.script("chat", Step(chunks=("One ", "two ", "three")))
    stream = await completions.create(model="chat", messages=MESSAGES, store=True, stream=True)
    chunks = [chunk async for chunk in stream]
    (completion_id,) = {chunk.id for chunk in chunks}
    assert all(chunk.choices for chunk in chunks), "nobody asked for its usage"
    found = await completions.retrieve(completion_id)
    assert (found.object, found.choices[0].message.content) == ("chat.completion", "One two three")
    assert found.choices[0].finish_reason == "stop"
    assert found.usage is not None
    assert found.usage.total_tokens > 0


async def test_what_comes_first_is_passed_on_before_the_answer_is_whole_and_half_of_it_is_not_stored(
    deck: Deck,
) -> None:
    completions, mark = deck.client().chat.completions, {"marked": uuid4().hex}
    deck.upstream.script("chat", Step(chunks=("One ", "two ", "never"), fault="stall", after_chunks=2))
    stream = await completions.create(model="chat", messages=MESSAGES, store=True, metadata=mark, stream=True)
    arrived = ""
    async for chunk in stream:
        arrived += chunk.choices[0].delta.content or ""
        if arrived == "One two ":
            break
    await stream.close()
    deck.upstream.script("chat", Step(chunks=("a ", "b ", "c"), fault="cut", after_chunks=2))
    stream = await completions.create(model="chat", messages=MESSAGES, store=True, metadata=mark, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        _ = [chunk async for chunk in stream]
    assert (await completions.list(metadata=mark)).data == []


async def test_the_list_goes_by_time_and_filters(deck: Deck) -> None:
    completions, mark = deck.client().chat.completions, uuid4().hex
    made = [
        (await completions.create(model="chat", messages=MESSAGES, store=True, metadata={"run-id": mark, "n": n})).id
        for n in "ababa"
    ]
    await completions.create(model="chat", messages=MESSAGES, metadata={"run-id": mark})
    ours: Any = {"run-id": mark}
    assert [one.id async for one in completions.list(metadata=ours, limit=2)] == made
    assert [one.id async for one in completions.list(metadata=ours, order="desc")] == made[::-1]
    assert [one.id async for one in completions.list(metadata={**ours, "n": "b"}, model="chat")] == [made[1], made[3]]
    assert (await completions.list(model="another", metadata=ours)).data == []
    assert [one.id async for one in completions.list(metadata=ours, after=made[3])] == [made[4]]


async def test_metadata_is_changed_and_a_completion_deleted(deck: Deck) -> None:
    completions = deck.client().chat.completions
    answer = await completions.create(model="chat", messages=MESSAGES, store=True, metadata={"a": "1"})
    changed = await completions.update(answer.id, metadata={"b": "2"})
    assert changed.to_dict()["metadata"] == {"b": "2"}
    assert await completions.retrieve(answer.id) == changed
    deleted = await completions.delete(answer.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (answer.id, "chat.completion.deleted", True)
    for call in (completions.retrieve(answer.id), completions.delete(answer.id), completions.messages.list(answer.id)):
        with pytest.raises(openai.NotFoundError, match=f"No chat completion '{answer.id}'"):
            await call


async def test_an_answer_that_nobody_stored_is_not_found(deck: Deck) -> None:
    completions = deck.client().chat.completions
    answer = await completions.create(model="chat", messages=MESSAGES, store=False)
    with pytest.raises(openai.NotFoundError):
        await completions.retrieve(answer.id)


async def test_what_cannot_be_stored_is_refused_before_it_costs_anything(deck: Deck) -> None:
    completions = deck.client().chat.completions
    large: Any = [{"role": "user", "content": "x" * 900_001}]
    with pytest.raises(openai.APIStatusError, match="900000 are allowed") as refused:
        await completions.create(model="chat", messages=large, store=True)
    assert (refused.value.status_code, refused.value.body["param"]) == (413, "messages.0")  # type: ignore[index]
    assert deck.upstream.journal.of("chat") == []
