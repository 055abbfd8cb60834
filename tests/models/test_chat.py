"""The local chat model through the unmodified OpenAI client. Its words are never asserted: it is too small for that."""

import asyncio

import httpx2
import openai
import pytest
from openai import AsyncOpenAI

from tests.models.conftest import until_generating

pytestmark = pytest.mark.model
MODEL = "smollm2-135m"
ENDLESS = {"ignore_eos": True}  # or it may stop after a word


async def test_a_plain_answer_counts_its_tokens(client: AsyncOpenAI):
    answer = await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Say hello."}], max_completion_tokens=8
    )
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_a_stream_comes_in_pieces_and_ends_with_usage(client: AsyncOpenAI):
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Count to ten."}],
        max_tokens=12,
        stream=True,
        stream_options={"include_usage": True},
        extra_body=ENDLESS,
    )
    chunks = [chunk async for chunk in stream]
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 3
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 12


async def test_a_stream_arrives_while_it_is_generated(client: AsyncOpenAI, http: httpx2.AsyncClient):
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Tell a story."}],
        max_tokens=900,
        stream=True,
        extra_body=ENDLESS,
    )
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    assert (await http.get("/slots")).json()["generating"] == 1
    await stream.close()
    await until_generating(http, 0)


async def test_a_caller_who_leaves_a_plain_call_stops_the_generation(client: AsyncOpenAI, http: httpx2.AsyncClient):
    call = asyncio.ensure_future(
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Write a long essay."}],
            max_tokens=4000,
            extra_body=ENDLESS,
        )
    )
    await until_generating(http, 1)
    call.cancel()
    await until_generating(http, 0)


async def test_a_prompt_beyond_the_context_is_refused_as_openai_does(client: AsyncOpenAI):
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hello world " * 3000}])
    assert refused.value.code == "context_length_exceeded"
    assert "4096 tokens" in refused.value.message


async def test_an_unknown_model_is_not_found(client: AsyncOpenAI):
    with pytest.raises(openai.NotFoundError) as refused:
        await client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "hi"}])
    assert refused.value.code == "model_not_found"


@pytest.mark.parametrize("body", ["{", "[]", '{"model":"smollm2-135m","messages":"x"}'])
async def test_a_malformed_body_is_a_bad_request_in_openais_shape(http: httpx2.AsyncClient, body: str):
    reply = await http.post("/chat/completions", content=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"


async def test_no_key_no_answer(http: httpx2.AsyncClient):
    reply = await http.get("/models", headers={"authorization": "Bearer wrong"})
    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "invalid_api_key"


async def test_no_other_site_may_read_answers(http: httpx2.AsyncClient):
    reply = await http.get("/models", headers={"origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in reply.headers


async def test_both_models_are_listed(client: AsyncOpenAI):
    assert {model.id async for model in client.models.list()} == {MODEL, "all-minilm-l6-v2"}
