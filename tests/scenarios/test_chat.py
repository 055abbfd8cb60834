"""Chat, embeddings and models through unmodified clients, over HTTP and the local host."""

import asyncio

import openai
import pytest

from tests.scenarios.deck import Deck
from tests.upstream import Step

MESSAGES = [{"role": "user", "content": "Say something."}]


async def test_a_plain_answer_comes_through_the_openai_client(deck: Deck) -> None:
    answer = await deck.client().chat.completions.create(model="chat", messages=MESSAGES)
    assert answer.choices[0].message.content == "Scripted answer."
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
    assert answer._request_id is not None
    assert answer._request_id.startswith("req_")


async def test_streamed_chunks_arrive_while_the_model_is_still_speaking(deck: Deck) -> None:
    deck.upstream.script("chat", Step(chunks=("One ", "two ", "never"), fault="stall", after_chunks=2))
    stream = await deck.client().chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    arrived = ""
    async for chunk in stream:
        assert chunk.usage is None
        arrived += chunk.choices[0].delta.content or ""
        if arrived == "One two ":
            break
    assert not deck.upstream.journal.of("chat")[0].finished
    await stream.close()


async def test_usage_comes_in_the_stream_when_it_is_asked_for(deck: Deck) -> None:
    stream = await deck.client().chat.completions.create(
        model="chat", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0


async def test_the_azure_client_gets_the_same(deck: Deck) -> None:
    client = deck.azure_client()
    answer = await client.chat.completions.create(model="chat", messages=MESSAGES)
    assert answer.choices[0].message.content == "Scripted answer."
    stream = await client.chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    assert (
        "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]) == "Scripted answer."
    )
    vectors = await client.embeddings.create(model="embedding", input=["a", "b"])
    assert [len(item.embedding) for item in vectors.data] == [384, 384]
    assert "chat" in [model.id async for model in client.models.list()]


async def test_an_azure_client_may_send_null_for_the_model_that_its_path_names(deck: Deck) -> None:
    async with deck.http() as http:
        for path, body in (("chat/chat/completions", {"messages": MESSAGES}), ("embedding/embeddings", {"input": "a"})):
            answer = await http.post(f"/openai/deployments/{path}", json=body | {"model": None})
            assert answer.status_code == 200
        missing = await http.post("/v1/chat/completions", json={"messages": MESSAGES, "model": None})
    assert (missing.status_code, missing.json()["error"]["param"]) == (400, "model")


async def test_embeddings_are_the_same_in_base64_and_in_numbers(deck: Deck) -> None:
    client = deck.client()
    packed = await client.embeddings.create(model="embedding", input="some words")
    plain = await client.embeddings.create(model="embedding", input="some words", encoding_format="float")
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)


async def test_the_models_of_the_catalogue_are_listed(deck: Deck) -> None:
    listed = {model.id: model.model_extra async for model in deck.client().models.list()}
    assert listed == {"chat": {"kind": "chat"}, "embedding": {"kind": "embedding"}, "down": {"kind": "chat"}}
    assert (await deck.client().models.retrieve("chat")).id == "chat"
    with pytest.raises(openai.NotFoundError, match="'nope'"):
        await deck.client().models.retrieve("nope")


async def test_a_client_that_leaves_stops_the_model_within_a_second(deck: Deck) -> None:
    deck.upstream.script("chat", Step(chunk_count=500, chunk_delay_s=0.05), Step(first_byte_s=30))
    stream = await deck.client().chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    await anext(aiter(stream))
    await stream.close()
    await deck.upstream.journal.wait_left(timeout_s=1.5)
    waiting = asyncio.create_task(deck.client().chat.completions.create(model="chat", messages=MESSAGES))
    await deck.upstream.journal.wait_until(lambda journal: len(journal.of("chat")) == 2)
    waiting.cancel()
    await deck.upstream.journal.wait_left(2, timeout_s=2.5)


async def test_a_stream_cut_in_its_middle_is_an_error_to_the_client(deck: Deck) -> None:
    deck.upstream.script("chat", Step(chunks=("a ", "b ", "c"), fault="cut", after_chunks=2))
    stream = await deck.client().chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        _ = [chunk async for chunk in stream]


async def test_a_model_that_is_down_is_a_503_with_retry_after(deck: Deck) -> None:
    with pytest.raises(openai.InternalServerError) as refused:
        await deck.client().chat.completions.create(model="down", messages=MESSAGES)
    assert refused.value.status_code == 503
    assert int(refused.value.response.headers["retry-after"]) >= 1
    with pytest.raises(openai.InternalServerError) as refused:
        await deck.client().chat.completions.create(model="down", messages=MESSAGES, stream=True)
    assert refused.value.status_code == 503
