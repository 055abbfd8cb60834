"""Chat completions: plain, streamed, with tools, and with answers of a given structure."""

import json
from typing import Any

import openai
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
