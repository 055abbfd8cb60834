"""`Idempotency-Key` through the unmodified client: what is asked again is not done again."""

import asyncio
from typing import Any
from uuid import uuid4

import openai
import pytest

from tests.scenarios.deck import Deck
from tests.upstream import Step

MESSAGES: Any = [{"role": "user", "content": "Say something."}]


def keyed() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


async def test_what_is_made_with_a_key_is_made_once(deck: Deck) -> None:
    client, headers = deck.client(), keyed()
    name = f"{headers['Idempotency-Key']}.txt"
    first, again = [
        await client.files.create(file=(name, b"words"), purpose="assistants", extra_headers=headers) for _ in range(2)
    ]
    assert first == again
    assert [file.filename async for file in client.files.list()].count(name) == 1
    with pytest.raises(openai.BadRequestError, match="was used with another request") as refused:
        await client.files.create(file=(name, b"other words"), purpose="assistants", extra_headers=headers)
    assert refused.value.code == "idempotency_key_reused"
    elsewhere = await deck.client("other").files.create(
        file=(name, b"words"), purpose="assistants", extra_headers=headers
    )
    assert elsewhere.id != first.id


async def test_of_many_at_once_the_model_is_asked_by_one(deck: Deck) -> None:
    deck.upstream.script("chat", Step(chunks=("Only ", "once"), first_byte_s=0.5))
    create, headers = deck.client().chat.completions.with_raw_response.create, keyed()
    answers = await asyncio.gather(*(create(model="chat", messages=MESSAGES, extra_headers=headers) for _ in range(4)))
    assert len({answer.text for answer in answers}) == 1
    assert [answer.headers.get("idempotent-replayed") for answer in answers].count("true") == 3
    assert len(deck.upstream.journal.of("chat")) == 1


async def test_an_answer_whose_client_left_is_there_when_it_comes_back(deck: Deck) -> None:
    deck.upstream.script("chat", Step(chunks=("Late",), first_byte_s=2))
    create, headers = deck.client().chat.completions.create, keyed()
    left = asyncio.create_task(create(model="chat", messages=MESSAGES, extra_headers=headers))
    await deck.upstream.journal.wait_until(lambda journal: len(journal.of("chat")) == 1)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    answer = await create(model="chat", messages=MESSAGES, extra_headers=headers)
    assert answer.choices[0].message.content == "Late"
    assert len(deck.upstream.journal.of("chat")) == 1


async def test_a_stream_is_made_anew_and_no_key_means_no_promise(deck: Deck) -> None:
    create, headers = deck.client().chat.completions.create, keyed()
    for _ in range(2):
        stream = await create(model="chat", messages=MESSAGES, stream=True, extra_headers=headers)
        assert [chunk async for chunk in stream]
        await create(model="chat", messages=MESSAGES)
    assert len(deck.upstream.journal.of("chat")) == 4
