"""Streamed chat completions through the gateway."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import OverloadedError, RateLimitError, UpstreamError, UpstreamRefusalError
from shared.gateway.sse import PING
from tests.unit.gateway.conftest import Bench, call
from tests.upstream import Step


async def collect(events: AsyncGenerator[bytes]) -> list[Any]:
    """The data of all events, parsed; `[DONE]` as it is."""
    stream = b"".join([piece async for piece in events])
    assert stream.endswith(b"\n\n")
    data = [event.removeprefix("data: ") for event in stream.decode().split("\n\n") if event.startswith("data: ")]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def text_of(events: list[Any]) -> str:
    chunks = [event for event in events if isinstance(event, dict) and event.get("choices")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


async def test_chunks_are_passed_on_and_the_usage_chunk_is_kept_back(bench: Bench) -> None:
    bench.upstream.script("chat", Step(chunks=("One ", "two ", "three.")))
    events = await collect((await bench.chat.stream(call(stream=True))).events)
    assert text_of(events) == "One two three."
    assert events[-1] == "[DONE]"
    assert [event for event in events[:-1] if event.get("usage")] == []
    served = bench.upstream.journal.of("chat")[0].completion_tokens
    assert (bench.meter.only.status, bench.meter.only.output_tokens) == (200, served)
    assert not bench.meter.only.estimated
    assert bench.meter.only.ttft_ms is not None


async def test_the_usage_chunk_comes_when_the_client_asked_for_it(bench: Bench) -> None:
    options = {"include_usage": True}
    events = await collect(
        (await bench.chat.stream(call(stream=True, include_usage=True, stream_options=options))).events
    )
    assert events[-2]["choices"] == []
    assert events[-2]["usage"]["completion_tokens"] == bench.meter.only.output_tokens


async def test_the_model_is_always_asked_for_usage_and_other_options_survive(bench: Bench) -> None:
    await collect((await bench.chat.stream(call(stream=True, stream_options={"include_obfuscation": False}))).events)
    sent = bench.upstream.journal.of("chat")[0].body
    assert sent["stream_options"] == {"include_obfuscation": False, "include_usage": True}


async def test_tool_call_deltas_survive(bench: Bench) -> None:
    bench.upstream.script("chat", Step(tool_calls=({"name": "look", "arguments": '{"usage": {"a": 1}}'},)))  # pyright: ignore[reportArgumentType]
    events = await collect((await bench.chat.stream(call(stream=True))).events)
    calls = [part for event in events[:-1] for part in event["choices"][0]["delta"].get("tool_calls", [])]
    assert "".join(part["function"].get("arguments", "") for part in calls) == '{"usage": {"a": 1}}'


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (Step(status=429), RateLimitError),
        (Step(status=503), OverloadedError),
        (Step(status=400), UpstreamRefusalError),
        (Step(fault="cut", role_chunk=False), UpstreamError),
        (Step(fault="malformed", role_chunk=False), UpstreamError),
        (Step(fault="reset"), OverloadedError),
    ],
)
async def test_a_failure_before_the_first_event_is_still_a_status(
    bench: Bench, step: Step, error: type[Exception]
) -> None:
    bench.upstream.script("chat", step)
    with pytest.raises(error):
        await bench.chat.stream(call(stream=True))
    assert bench.meter.only.status >= 400


@pytest.mark.parametrize("fault", ["cut", "abort"])
async def test_a_stream_cut_in_its_middle_ends_with_an_error_and_no_done(bench: Bench, fault: str) -> None:
    bench.upstream.script("chat", Step(chunks=("a ", "b ", "c "), fault=fault, after_chunks=2))  # pyright: ignore[reportArgumentType]
    events = await collect((await bench.chat.stream(call("two words", stream=True))).events)
    assert events[-1]["error"]["code"] == "upstream_cut"
    assert "[DONE]" not in events
    used = bench.meter.only
    assert (used.status, used.estimated, used.input_tokens, used.output_tokens) == (502, True, 5, 2)


async def test_a_malformed_event_ends_the_stream_with_an_error_and_no_done(bench: Bench) -> None:
    bench.upstream.script("chat", Step(chunks=("a ", "b "), fault="malformed", after_chunks=1))
    stream = await collect_raw((await bench.chat.stream(call(stream=True))).events)
    assert b'"upstream_malformed"' in stream
    assert b"[DONE]" not in stream
    assert bench.meter.only.status == 502


async def collect_raw(events: AsyncGenerator[bytes]) -> bytes:
    return b"".join([piece async for piece in events])


async def test_silence_is_pinged_and_then_ends_with_an_error(bench: Bench) -> None:
    bench.waits = replace(bench.waits, ping_s=0.05, idle_s=0.2)
    bench.upstream.script("chat", Step(chunks=("a ", "b "), fault="stall", after_chunks=1))
    stream = await collect_raw((await bench.chat.stream(call(stream=True))).events)
    assert stream.count(PING) >= 2
    assert b"fell silent" in stream
    assert b"[DONE]" not in stream
    await bench.upstream.journal.wait_left()
    assert bench.meter.only.status == 504


async def test_a_slow_first_event_commits_to_the_stream_and_pings(bench: Bench) -> None:
    bench.waits = replace(bench.waits, first_event_s=0.05, ping_s=0.05)
    bench.upstream.script("chat", Step(first_byte_s=0.4))
    stream = await collect_raw((await bench.chat.stream(call(stream=True))).events)
    assert stream.startswith(PING)
    assert stream.endswith(b"data: [DONE]\n\n")
    assert bench.meter.only.status == 200


async def test_what_comes_close_together_is_passed_on_together(bench: Bench) -> None:
    bench.waits = replace(bench.waits, gather_s=0.2)
    bench.upstream.script("chat", Step(chunk_count=40, chunk_delay_s=0.01))
    pieces = [piece async for piece in (await bench.chat.stream(call(stream=True))).events]
    told = b"".join(pieces)
    assert len(pieces) < 20
    assert told.count(b'"content":" w') == 40
    assert told.endswith(b"data: [DONE]\n\n")


async def test_the_first_word_does_not_wait_for_more(bench: Bench) -> None:
    bench.waits = replace(bench.waits, gather_s=1e9)
    bench.upstream.script("chat", Step(chunks=("a ", "b ", "c ")))
    events = (await bench.chat.stream(call(stream=True))).events
    async with asyncio.timeout(30):
        assert b'"content":"a "' in await anext(events)
    await events.aclose()


async def test_a_client_that_leaves_while_words_gather_cancels_the_model(bench: Bench) -> None:
    bench.waits = replace(bench.waits, gather_s=1e9)
    bench.upstream.script("chat", Step(chunk_count=200, chunk_delay_s=0.05))
    events = (await bench.chat.stream(call("two words", stream=True))).events
    got = await anext(events)
    waiting = asyncio.ensure_future(anext(events))
    await bench.upstream.journal.wait_chunks(3)
    waiting.cancel()
    await asyncio.wait({waiting})
    await bench.upstream.journal.wait_left()
    used = bench.meter.only
    assert (used.status, used.estimated, used.output_tokens) == (499, True, got.count(b'" w'))


async def test_a_refusal_after_the_commitment_is_an_error_event(bench: Bench) -> None:
    bench.waits = replace(bench.waits, first_event_s=0.05, ping_s=0.05)
    bench.upstream.script("chat", Step(first_byte_s=0.3, status=500))
    stream = await collect_raw((await bench.chat.stream(call(stream=True))).events)
    assert b'"error"' in stream
    assert b"[DONE]" not in stream
    assert bench.meter.only.status == 503


async def test_a_client_that_leaves_mid_stream_cancels_the_model_and_pays_for_what_it_got(bench: Bench) -> None:
    bench.upstream.script("chat", Step(chunk_count=200, chunk_delay_s=0.05))
    events = (await bench.chat.stream(call("two words", stream=True))).events
    got = b""
    while got.count(b'"content"') < 3:
        got += await anext(events)
    await events.aclose()
    await bench.upstream.journal.wait_left()
    used = bench.meter.only
    assert (used.status, used.estimated, used.input_tokens) == (499, True, 5)
    assert 1 <= used.output_tokens < 200


async def test_a_stream_that_nobody_reads_is_closed_and_metered_when_it_is_dropped(bench: Bench) -> None:
    bench.upstream.script("chat", Step(chunk_count=200, chunk_delay_s=0.05))
    events = (await bench.chat.stream(call(stream=True))).events
    del events
    await bench.upstream.journal.wait_left()
    assert bench.meter.only.status == 499


async def test_a_client_that_leaves_before_the_first_event_cancels_the_model(bench: Bench) -> None:
    bench.upstream.script("chat", Step(first_byte_s=30))
    asking = asyncio.create_task(bench.chat.stream(call(stream=True)))
    await bench.upstream.journal.wait_until(lambda journal: len(journal.of("chat")) == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await bench.upstream.journal.wait_left()
    assert bench.meter.only.status == 499


@pytest.mark.parametrize("words", [2, 1000])
async def test_a_stream_without_usage_is_counted_by_us(bench: Bench, words: int) -> None:
    bench.upstream.script("chat", Step(chunk_count=words, usage="missing"))
    await collect((await bench.chat.stream(call("two words", stream=True))).events)
    used = bench.meter.only
    assert (used.input_tokens, used.output_tokens, used.estimated) == (5, words, True)
