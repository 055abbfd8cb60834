"""Chat completions: plain, streamed, with tools, and with answers of a given structure."""

import asyncio
import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

ASKED: list[Any] = [{"role": "user", "content": "Say something."}]
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    for name in ("weather", "time")
]
CALLS = [
    {"id": "call_a", "name": "weather", "arguments": '{"city": "Oslo"}', "pieces": 4},
    {"id": "call_b", "name": "time", "arguments": '{"city": "Rome"}', "pieces": 2},
]
CALLED = [("call_a", "weather", {"city": "Oslo"}), ("call_b", "time", {"city": "Rome"})]


class Event(BaseModel):
    name: str
    people: list[str]


EVENT = '{"name": "fair", "people": ["Ann", "Bo"]}'


def said(chunks: Any) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def called(calls: Any) -> list[tuple[str, str, Any]]:
    return [(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls]


def test_a_plain_answer(either: openai.OpenAI) -> None:
    answer = either.chat.completions.create(model="chat", messages=ASKED)
    choice = answer.choices[0]
    assert (answer.object, choice.message.role, choice.finish_reason) == ("chat.completion", "assistant", "stop")
    assert choice.message.content == "Scripted answer."
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert answer._request_id
    assert answer._request_id.startswith("req_")


def test_a_stream_in_order_that_ends_with_its_reason(either: openai.OpenAI, upstream: Any) -> None:
    upstream.script({"chunk_count": 200})
    with either.chat.completions.create(model="chat", messages=ASKED, stream=True) as stream:
        chunks = list(stream)
    assert said(chunks) == "".join(f" w{n}" for n in range(200))
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None and chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_in_a_stream_that_asks_for_it(either: openai.OpenAI) -> None:
    chunks = list(
        either.chat.completions.create(
            model="chat", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
    )
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices == []
    assert chunks[-1].usage
    assert chunks[-1].usage.total_tokens > 0


def test_the_streaming_helper_gives_events_and_the_whole(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="chat", messages=ASKED) as stream:
        deltas = [event.delta for event in stream if event.type == "content.delta"]
        whole = stream.get_final_completion()
    assert "".join(deltas) == whole.choices[0].message.content == "Scripted answer."


def test_tools_are_called_and_their_results_answered(either: openai.OpenAI, upstream: Any) -> None:
    upstream.script({"tool_calls": CALLS}, {"text": "Cold in Oslo."})
    first = either.chat.completions.create(model="chat", messages=ASKED, tools=TOOLS).choices[0]
    assert first.finish_reason == "tool_calls"
    assert called(first.message.tool_calls) == CALLED
    results: list[Any] = [{"role": "tool", "tool_call_id": call_id, "content": "done"} for call_id, _, _ in CALLED]
    answer = either.chat.completions.create(model="chat", messages=[*ASKED, first.message, *results], tools=TOOLS)
    assert answer.choices[0].message.content == "Cold in Oslo."
    seen = upstream.bodies()
    assert [message["role"] for message in seen[1]["messages"]] == ["user", "assistant", "tool", "tool"]
    assert seen[0]["tools"] == seen[1]["tools"] == TOOLS


def test_tool_calls_in_a_stream_are_put_together(either: openai.OpenAI, upstream: Any) -> None:
    upstream.script({"tool_calls": CALLS})
    found: dict[int, list[str]] = {}
    finish = None
    for chunk in either.chat.completions.create(model="chat", messages=ASKED, tools=TOOLS, stream=True):
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or ():
                name, arguments = (call.function.name, call.function.arguments) if call.function else ("", "")
                parts = found.setdefault(call.index, ["", "", ""])
                parts[0] += call.id or ""
                parts[1] += name or ""
                parts[2] += arguments or ""
    assert [(i, name, json.loads(arguments)) for i, name, arguments in found.values()] == CALLED
    assert finish == "tool_calls"


def test_the_streaming_helper_puts_tool_calls_together(client: openai.OpenAI, upstream: Any) -> None:
    upstream.script({"tool_calls": CALLS})
    with client.chat.completions.stream(model="chat", messages=ASKED, tools=TOOLS) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        whole = stream.get_final_completion()
    assert [json.loads(event.arguments) for event in done] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert called(whole.choices[0].message.tool_calls) == CALLED


def test_an_answer_is_parsed_into_the_type_that_was_asked_for(either: openai.OpenAI, upstream: Any) -> None:
    upstream.script({"text": EVENT})
    answer = either.chat.completions.parse(model="chat", messages=ASKED, response_format=Event)
    assert answer.choices[0].message.parsed == Event(name="fair", people=["Ann", "Bo"])
    assert upstream.bodies()[0]["response_format"]["json_schema"]["strict"] is True


def test_a_streamed_answer_is_parsed_too(client: openai.OpenAI, upstream: Any) -> None:
    upstream.script({"text": EVENT})
    with client.chat.completions.stream(model="chat", messages=ASKED, response_format=Event) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == Event(name="fair", people=["Ann", "Bo"])


def test_an_answer_that_was_cut_short_is_not_parsed(client: openai.OpenAI, upstream: Any) -> None:
    upstream.script({"text": EVENT[:10], "finish_reason": "length"})
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(model="chat", messages=ASKED, response_format=Event)


def test_what_a_client_sends_reaches_the_model_untouched(either: openai.OpenAI, upstream: Any) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
    asked: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}]
    sent: dict[str, Any] = {"seed": 7, "logprobs": True, "top_logprobs": 2, "n": 1, "user": "ann", "stop": ["END"]}
    either.chat.completions.create(model="chat", messages=asked, extra_body={"of_tomorrow": [1]}, **sent)
    (body,) = upstream.bodies()
    assert body["messages"] == asked
    assert body == body | sent | {"of_tomorrow": [1]}


def test_an_answer_can_be_taken_as_bytes_line_by_line(client: openai.OpenAI) -> None:
    streaming = client.chat.completions.with_streaming_response
    with streaming.create(model="chat", messages=ASKED, stream=True) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"


def test_the_asynchronous_clients_get_the_same(product: Any) -> None:
    async def main() -> None:
        version = "2025-04-01-preview"
        one = openai.AsyncOpenAI(base_url=product.base_url, api_key=product.key)
        two = openai.AsyncAzureOpenAI(azure_endpoint=product.url, api_key=product.key, api_version=version)
        for made in (one, two):
            async with made as client:
                asked = [client.chat.completions.create(model="chat", messages=ASKED) for _ in range(3)]
                answers = await asyncio.gather(*asked)
                assert [answer.choices[0].message.content for answer in answers] == ["Scripted answer."] * 3
                stream = await client.chat.completions.create(model="chat", messages=ASKED, stream=True)
                assert said([chunk async for chunk in stream]) == "Scripted answer."

    asyncio.run(main())


def test_a_completion_that_is_stored_is_found_changed_and_deleted(client: openai.OpenAI) -> None:
    completions = client.chat.completions
    made = [
        completions.create(model="chat", messages=ASKED, store=True, metadata={"turn": str(turn)}) for turn in range(3)
    ]
    found = completions.retrieve(made[0].id)
    assert found.choices[0].message.content == made[0].choices[0].message.content
    assert [message.content for message in completions.messages.list(made[0].id)] == ["Say something."]
    page = completions.list(model="chat", limit=2, order="desc")
    assert [one.id for one in page.data] == [made[2].id, made[1].id]
    assert page.get_next_page().data[0].id == made[0].id
    completions.update(made[0].id, metadata={"turn": "last"})
    assert completions.retrieve(made[0].id).to_dict()["metadata"] == {"turn": "last"}
    assert completions.delete(made[0].id).deleted
    with pytest.raises(openai.NotFoundError):
        completions.retrieve(made[0].id)
