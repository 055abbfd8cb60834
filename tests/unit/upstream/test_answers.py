"""What an unmodified client sees when the scripted upstream answers."""

import aiohttp
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI

from tests.upstream import ScriptedUpstream, Step, ToolCall

HELLO = [{"role": "user", "content": "Hello over there"}]


async def test_a_plain_answer_carries_the_scripted_text_and_counted_usage(
    upstream: ScriptedUpstream, client: AsyncOpenAI
) -> None:
    upstream.script("chat", Step(text="It is [doc1]."))
    answer = await client.chat.completions.create(model="chat", messages=HELLO)
    assert answer.choices[0].message.content == "It is [doc1]."
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 6)


async def test_an_echo_answers_with_the_last_user_message(upstream: ScriptedUpstream, client: AsyncOpenAI) -> None:
    upstream.script("chat", Step(echo=True))
    answer = await client.chat.completions.create(model="chat", messages=HELLO)
    assert answer.choices[0].message.content == "Hello over there"


async def test_a_stream_joins_to_the_same_text_as_the_plain_answer(
    upstream: ScriptedUpstream, client: AsyncOpenAI
) -> None:
    upstream.script("chat", default=Step(text="One, two  three.\n"))
    stream = await client.chat.completions.create(model="chat", messages=HELLO, stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "One, two  three.\n"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(c.usage is None for c in chunks)


async def test_usage_is_the_last_chunk_and_only_when_asked_for(upstream: ScriptedUpstream, client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="chat", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == upstream.journal.totals.completion_tokens
    assert all(c.usage is None for c in chunks[:-1])


@pytest.mark.parametrize("asked", [True, False])
async def test_chunks_say_usage_null_exactly_when_usage_was_asked_for(
    upstream: ScriptedUpstream, http: aiohttp.ClientSession, asked: bool
) -> None:
    body = {"model": "chat", "messages": HELLO, "stream": True, "stream_options": {"include_usage": asked}}
    async with http.post(f"{upstream.endpoint}/chat/completions", json=body) as response:
        raw = await response.text()
    assert ('"usage":null' in raw) is asked
    assert raw.endswith("data: [DONE]\n\n")


async def test_a_generated_stream_has_as_many_tokens_as_chunks(upstream: ScriptedUpstream, client: AsyncOpenAI) -> None:
    upstream.script("chat", Step(chunk_count=64, chunk_delay_s=0.0005))
    stream = await client.chat.completions.create(
        model="chat", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert len(chunks) == 64 + 3
    assert chunks[-1].usage.completion_tokens == 64
    assert upstream.journal.entries[0].chunks_sent == 64


async def test_an_answer_over_max_tokens_is_cut_to_length(upstream: ScriptedUpstream, client: AsyncOpenAI) -> None:
    upstream.script("chat", Step(chunk_count=10))
    answer = await client.chat.completions.create(model="chat", messages=HELLO, max_tokens=4)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 4


async def test_tool_calls_arrive_whole_and_in_deltas(upstream: ScriptedUpstream, client: AsyncOpenAI) -> None:
    call = ToolCall(name="look_up", arguments='{"query": "tides"}')
    upstream.script("chat", default=Step(tool_calls=(call,)))
    plain = await client.chat.completions.create(model="chat", messages=HELLO)
    async with client.chat.completions.stream(model="chat", messages=HELLO) as stream:
        streamed = await stream.get_final_completion()
    for choice in (plain.choices[0], streamed.choices[0]):
        assert choice.finish_reason == "tool_calls"
        assert choice.message.tool_calls[0].function.arguments == call.arguments


async def test_missing_usage_and_extra_usage_are_scripted(upstream: ScriptedUpstream, client: AsyncOpenAI) -> None:
    upstream.script("chat", Step(usage="missing"), Step(usage={"completion_tokens_details": {"reasoning_tokens": 7}}))
    first = await client.chat.completions.create(model="chat", messages=HELLO)
    second = await client.chat.completions.create(model="chat", messages=HELLO)
    assert first.usage is None
    assert second.usage.completion_tokens_details.reasoning_tokens == 7


async def test_azure_paths_name_the_model(upstream: ScriptedUpstream) -> None:
    upstream.script("chat", Step(text="Azure.", prompt_filter=True))
    async with AsyncAzureOpenAI(
        azure_endpoint=upstream.url, api_key="k", api_version="2024-10-21", max_retries=0
    ) as azure:
        stream = await azure.chat.completions.create(model="chat", messages=HELLO, stream=True)
        text = "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
    assert text == "Azure."
    assert upstream.journal.entries[0].model == "chat"
    assert upstream.journal.entries[0].auth == "api-key"


async def test_models_are_listed(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["chat", "chat-b", "embedding"]


async def test_embeddings_are_unit_vectors_and_equal_in_both_encodings(client: AsyncOpenAI) -> None:
    in_base64 = await client.embeddings.create(model="embedding", input=["spring tides", "neap"])
    as_floats = await client.embeddings.create(
        model="embedding", input=["spring tides", "neap"], encoding_format="float"
    )
    for one, other in zip(in_base64.data, as_floats.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert sum(x * x for x in other.embedding) == pytest.approx(1)
    assert len(as_floats.data[0].embedding) == 384
    assert as_floats.usage.prompt_tokens == 3


async def test_texts_that_share_words_are_nearer_than_texts_that_do_not(client: AsyncOpenAI) -> None:
    texts = ["When are spring tides highest?", "Spring tides are highest at new moon.", "The ledger is exact."]
    answer = await client.embeddings.create(model="embedding", input=texts, encoding_format="float")
    question, near, far = (datum.embedding for datum in answer.data)
    cosine = [sum(a * b for a, b in zip(question, other, strict=True)) for other in (near, far)]
    assert cosine[0] > 0.5 > 0.3 > cosine[1]
