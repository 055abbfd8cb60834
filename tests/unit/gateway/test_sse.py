"""Cutting byte streams into events."""

import random

import pytest

from shared.errors import UpstreamError
from shared.gateway import sse

STREAM = b'data: {"a": "\xc3\xa9"}\n\n: ping\n\nevent: x\ndata: 1\ndata: 2\n\ndata: [DONE]\n\n'


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("seed", range(20))
def test_events_are_whole_however_the_bytes_are_cut(seed: int, line_end: bytes) -> None:
    chance = random.Random(seed)
    rest, got = STREAM.replace(b"\n", line_end), b""
    cutter = sse.EventCutter()
    while rest:
        size = chance.randint(1, 7)
        events = cutter.feed(rest[:size])
        rest = rest[size:]
        assert events == b"" or events.endswith(b"\n\n")
        got += events
    assert got == STREAM


def test_an_unfinished_event_is_held_back() -> None:
    assert sse.EventCutter().feed(b"data: {}\n") == b""


def test_data_lines_are_joined_and_comments_have_none() -> None:
    assert [sse.data_of(event) for event in sse.split(STREAM)] == [b'{"a": "\xc3\xa9"}', b"", b"1\n2", b"[DONE]"]


def test_a_model_that_writes_about_usage_is_not_looked_into() -> None:
    said = sse.event_of({"choices": [{"delta": {"content": 'say "usage": {"x": 1} and "error"'}}]})
    assert not sse.is_notable(said)
    assert sse.is_notable(sse.event_of({"usage": {"prompt_tokens": 1}}))


def test_an_error_event_has_openais_shape() -> None:
    event = sse.error_event(UpstreamError("Cut.", code="upstream_cut"))
    assert event == b'data: {"error":{"message":"Cut.","type":"server_error","param":null,"code":"upstream_cut"}}\n\n'


def test_a_broken_event_between_whole_ones_is_looked_into() -> None:
    whole = b'data: {"choices": []}\n\n'
    assert not sse.is_notable(whole * 3)
    assert sse.is_notable(whole + b'data: {"choices": [\n\n' + whole)
