"""Responses in the background: polled, read along from any event, cancelled, made although their worker is killed."""

import os
import signal
from typing import Any

import openai
import pytest

from tests.scenarios.deck import Deck, eventually
from tests.upstream import Step

OVER = ("completed", "failed", "incomplete", "cancelled")


async def over(deck: Deck, response_id: str) -> Any:
    return await eventually(
        lambda: deck.client().responses.retrieve(response_id), lambda response: response.status in OVER, timeout_s=120
    )


async def read(stream: Any, count: int | None = None) -> list[Any]:
    """So many events, or all there are."""
    seen: list[Any] = []
    async for event in stream:
        seen.append(event)
        if len(seen) == count:
            break
    await stream.close()
    return seen


async def test_a_response_is_queued_at_once_and_completed_later(deck: Deck) -> None:
    made = await deck.client().responses.create(model="chat", input="One.", instructions="Be brief.", background=True)
    assert (made.status, made.background, made.output) == ("queued", True, [])
    response = await over(deck, made.id)
    assert (response.status, response.output_text) == ("completed", "Scripted answer.")
    assert response.usage.total_tokens > 0
    (call,) = deck.upstream.journal.of("chat")
    assert [message["content"] for message in call.body["messages"]] == ["Be brief.", "One."]
    again = await deck.client().responses.create(model="chat", input="Two.", previous_response_id=made.id)
    assert again.output_text == "Scripted answer."


async def test_its_stream_is_taken_up_where_it_was_lost_while_it_is_being_made(deck: Deck) -> None:
    deck.upstream.script("chat", Step(chunk_count=30, chunk_delay_s=0.1))
    client = deck.client()
    first = await read(await client.responses.create(model="chat", input="Go.", background=True, stream=True), 6)
    assert [event.type for event in first[:3]] == ["response.created", "response.queued", "response.in_progress"]
    response_id = first[0].response.id
    assert (await client.responses.retrieve(response_id)).status == "in_progress"
    rest = await read(
        await client.responses.retrieve(response_id, stream=True, starting_after=first[-1].sequence_number)
    )
    whole = await read(await client.responses.retrieve(response_id, stream=True))
    assert [event.to_dict() for event in first + rest] == [event.to_dict() for event in whole]
    assert [event.sequence_number for event in whole] == list(range(len(whole)))
    deltas = [event.delta for event in whole if event.type == "response.output_text.delta"]
    assert "".join(deltas) == whole[-1].response.output_text == "".join(f" w{n}" for n in range(30))
    assert len(deck.upstream.journal.of("chat")) == 1


async def test_one_that_is_cancelled_stops_the_model(deck: Deck) -> None:
    deck.upstream.script("chat", Step(chunks=("One ", "two ", "never"), fault="stall", after_chunks=2))
    client = deck.client()
    made = await client.responses.create(model="chat", input="Go.", background=True)
    await eventually(lambda: client.responses.retrieve(made.id), lambda one: one.output_text == "One two ")
    cancelled = await client.responses.cancel(made.id)
    assert (cancelled.status, cancelled.output[0].status) == ("cancelled", "incomplete")  # type: ignore[union-attr]
    await deck.upstream.journal.wait_left(timeout_s=60)
    assert (await client.responses.cancel(made.id)).to_dict() == (await over(deck, made.id)).to_dict()
    with pytest.raises(openai.APIError, match="cancelled"):
        await read(await client.responses.retrieve(made.id, stream=True))


async def test_what_is_not_in_the_background_cannot_be_cancelled(deck: Deck) -> None:
    made = await deck.client().responses.create(model="chat", input="One.")
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        await deck.client().responses.cancel(made.id)


async def test_one_that_fails_says_why_to_who_polls_and_to_who_reads_along(deck: Deck) -> None:
    deck.upstream.script("chat", Step(status=400, error="content_filter"))
    made = await deck.client().responses.create(model="chat", input="Go.", background=True)
    response = await over(deck, made.id)
    assert (response.status, response.error.code) == ("failed", "invalid_prompt")
    with pytest.raises(openai.APIError) as raised:
        await read(await deck.client().responses.retrieve(made.id, stream=True))
    assert raised.value.message == response.error.message


async def test_one_that_was_deleted_is_not_made(deck: Deck) -> None:
    deck.upstream.script("chat", Step(chunks=("One ", "never"), fault="stall", after_chunks=1))
    client = deck.client()
    made = await client.responses.create(model="chat", input="Go.", background=True)
    await eventually(lambda: client.responses.retrieve(made.id), lambda one: one.status == "in_progress")
    await client.responses.delete(made.id)
    await deck.upstream.journal.wait_left(timeout_s=60)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(made.id)


async def test_one_whose_worker_is_killed_is_made_by_another_and_its_stream_goes_on(deck: Deck) -> None:
    deck.upstream.script(
        "chat", Step(chunks=("lost", " words"), fault="stall", after_chunks=1), Step(text="Made after all.")
    )
    client = deck.client()
    made = await client.responses.create(model="chat", input="Go.", background=True)
    await eventually(lambda: client.responses.retrieve(made.id), lambda one: one.output_text == "lost")
    seen = (await read(await client.responses.retrieve(made.id, stream=True), 6))[-1].sequence_number
    os.kill(deck.host.worker_pids[0], signal.SIGKILL)
    response = await over(deck, made.id)
    assert (response.status, response.output_text) == ("completed", "Made after all.")
    async with client.responses.stream(response_id=made.id) as stream:
        assert (await stream.get_final_response()).output_text == "Made after all."
    rest = await read(await client.responses.retrieve(made.id, stream=True, starting_after=seen))
    assert [event.sequence_number for event in rest] == list(range(seen + 1, seen + 1 + len(rest)))
    assert [event.item.status for event in rest if event.type == "response.output_item.done"] == [
        "incomplete",
        "completed",
    ]
