"""Completions that we change on their way, or write ourselves."""

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.answers.citations import Grounds
from shared.answers.completions import stream_with_context, stream_written, with_context, written
from shared.errors import UpstreamError
from shared.gateway import sse
from tests.unit.answers.test_grounding import passage

GROUNDS = Grounds((passage("all that is needed"),), "q")
CONTEXT = GROUNDS.context()
AT = datetime(2026, 1, 1, tzinfo=UTC)


def chunk(content: str | None, index: int = 0, finish: str | None = None, **extra: Any) -> bytes:
    delta = {} if content is None else {"content": content}
    return sse.event_of({"id": "x", "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **extra})


async def pieces(*events: bytes) -> AsyncGenerator[bytes]:
    for event in events:
        yield event


async def collect(events: AsyncGenerator[bytes]) -> list[Any]:
    stream = b"".join([piece async for piece in events])
    data = filter(None, map(sse.data_of, sse.split(stream)))
    return [item.decode() if item == b"[DONE]" else json.loads(item) for item in data]


def test_every_choice_of_a_plain_answer_gets_the_context_and_loses_marks_of_nothing() -> None:
    choices = [
        {"index": n, "message": {"role": "assistant", "content": text, "refusal": None}, "finish_reason": "stop"}
        for n, text in enumerate(["yes [doc1][doc2]", None])
    ]
    answer = json.loads(with_context(json.dumps({"id": "x", "choices": choices, "usage": {"a": 1}}).encode(), GROUNDS))
    assert [choice["message"]["content"] for choice in answer["choices"]] == ["yes [doc1]", None]
    assert [len(choice["message"]["context"]["citations"]) for choice in answer["choices"]] == [1, 1]
    assert (answer["usage"], answer["choices"][0]["message"]["refusal"]) == ({"a": 1}, None)


def test_an_answer_that_cannot_be_read_is_an_upstream_error() -> None:
    with pytest.raises(UpstreamError):
        with_context(b"<html>", GROUNDS)


async def test_the_first_chunk_of_each_choice_carries_the_context() -> None:
    stream = pieces(chunk("a"), chunk("b", 1), chunk("c"), chunk(None, finish="stop"), sse.DONE)
    events = await collect(stream_with_context(stream, GROUNDS))
    with_one = ["context" in event["choices"][0]["delta"] for event in events[:-1]]
    assert with_one == [True, True, False, False]
    assert events[-1] == "[DONE]"


async def test_the_last_chunk_of_a_choice_carries_what_it_quotes() -> None:
    quoting = (chunk('It is "all that'), chunk(' is needed" [doc1].'), chunk("No [doc1].", 1))
    ends = (chunk(None, finish="stop"), chunk(None, 1, finish="stop"), sse.DONE)
    events = await collect(stream_with_context(pieces(*quoting, *ends), GROUNDS))
    assert events[0]["choices"][0]["delta"]["context"]["quotes"] == []
    (quote,) = events[3]["choices"][0]["delta"]["context"]["quotes"]
    assert (quote["citation"], quote["content"], quote["char_start"]) == (1, "all that is needed", 0)
    assert "context" not in events[4]["choices"][0]["delta"]


async def test_an_answer_of_one_chunk_carries_context_and_quotes_together() -> None:
    events = await collect(stream_with_context(pieces(chunk('"all that is needed" [doc1]', finish="stop")), GROUNDS))
    context = events[0]["choices"][0]["delta"]["context"]
    assert (len(context["citations"]), len(context["quotes"])) == (1, 1)


CALL = {"id": "c", "type": "function", "function": {"name": "send_mail", "arguments": "{}"}}


def test_no_tool_call_of_a_plain_answer_is_passed_on() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [CALL], "function_call": CALL["function"]}
    choices = [{"index": n, "message": message, "finish_reason": reason} for n, reason in enumerate(_REASONS)]
    answer = json.loads(with_context(json.dumps({"id": "x", "choices": choices}).encode(), GROUNDS))
    assert [choice["finish_reason"] for choice in answer["choices"]] == ["stop", "stop", "length"]
    assert all(choice["message"].keys() == {"role", "content", "context"} for choice in answer["choices"])


_REASONS = ("tool_calls", "function_call", "length")


async def test_no_tool_call_of_a_stream_is_passed_on() -> None:
    deltas = (
        {"role": "assistant", "content": None, "tool_calls": [CALL | {"index": 0}]},
        {"tool_calls": [{"index": 0}]},
    )
    calls = [sse.event_of({"id": "x", "choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    stream = pieces(*calls, chunk(None, finish="tool_calls"), sse.DONE)
    events = await collect(stream_with_context(stream, GROUNDS))
    assert "send_mail" not in json.dumps(events)
    assert not any("tool_calls" in event["choices"][0]["delta"] for event in events[:-1])
    assert events[-2]["choices"][0]["finish_reason"] == "stop"


async def test_a_mark_cut_by_the_end_of_the_answer_is_not_lost() -> None:
    stream = pieces(chunk("see [do"), chunk("c1] and [doc"), chunk(None, finish="stop"))
    events = await collect(stream_with_context(stream, GROUNDS))
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == "see [doc1] and [doc"


async def test_what_is_not_a_chunk_passes_as_it_is() -> None:
    error = sse.error_event(UpstreamError("Cut."))
    usage = sse.event_of({"id": "x", "choices": [], "usage": {"total_tokens": 1}})
    passed = [piece async for piece in stream_with_context(pieces(sse.PING, usage, error), GROUNDS)]
    assert passed[1] is sse.PING
    assert json.loads(sse.data_of(passed[2]))["usage"] == {"total_tokens": 1}
    assert passed[3] == error


def test_what_we_write_ourselves_is_a_whole_completion() -> None:
    answer = json.loads(written("No.", CONTEXT, completion_id="chatcmpl-1", model="m", at=AT))
    assert (answer["object"], answer["id"], answer["model"]) == ("chat.completion", "chatcmpl-1", "m")
    assert answer["choices"][0]["message"]["content"] == "No."
    assert answer["usage"]["total_tokens"] == 0


@pytest.mark.parametrize("include_usage", [False, True])
async def test_what_we_stream_ourselves_is_a_whole_stream(*, include_usage: bool) -> None:
    stream = stream_written("No.", CONTEXT, completion_id="chatcmpl-1", model="m", at=AT, include_usage=include_usage)
    events = await collect(stream)
    assert events[0]["choices"][0]["delta"]["context"]["intent"] == "q"
    assert events[1]["choices"][0]["delta"]["content"] == "No."
    assert events[2]["choices"][0]["finish_reason"] == "stop"
    assert ("usage" in events[3]) is include_usage
    assert events[-1] == "[DONE]"
