"""What a stream has passed on comes back whole and in order, and takes little room meanwhile."""

import tracemalloc

from shared.gateway import sse
from shared.gateway.passed import Passed

EVENTS = [
    sse.event_of(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "gpt",
            "choices": [{"index": 0, "delta": {"content": f" w{number}"}, "finish_reason": None}],
        }
    )
    for number in range(5000)
]


def test_a_long_stream_comes_back_whole_and_in_order() -> None:
    passed = Passed()
    for event in EVENTS:
        passed.add(event)
    assert [event for piece in passed for event in sse.split(piece)] == EVENTS
    assert list(Passed()) == []


def test_a_long_stream_takes_a_tenth_of_its_bytes() -> None:
    passed = Passed()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for event in EVENTS:
            passed.add(bytes(bytearray(event)))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < sum(map(len, EVENTS)) / 10
