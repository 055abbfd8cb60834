"""The client's own retries and time-outs work as it expects, and are told when they would do harm."""

import time
from typing import Any

import openai
import pytest

ASKED: list[Any] = [{"role": "user", "content": "hi"}]
SOON = {"retry_after_s": 0.3, "retry_after_form": "milliseconds"}


@pytest.fixture
def patient(client: openai.OpenAI) -> openai.OpenAI:
    return client.with_options(max_retries=2)


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_failure_is_retried_when_it_said(patient: openai.OpenAI, upstream: Any, status: int, *, stream: bool) -> None:
    upstream.script({"status": status, **SOON})
    began = time.monotonic()
    raw = patient.chat.completions.with_raw_response.create(model="chat", messages=ASKED, stream=stream)
    assert raw.retries_taken == 1
    assert time.monotonic() - began >= 0.3
    assert len(upstream.bodies()) == 2
    if stream:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse()) == "Scripted answer."


@pytest.mark.parametrize("step", [{"status": 400}, {"status": 422}, {"error": "content_filter"}])
def test_what_no_retry_can_mend_is_asked_once(patient: openai.OpenAI, upstream: Any, step: dict[str, Any]) -> None:
    upstream.script(step)
    with pytest.raises(openai.APIStatusError):
        patient.chat.completions.create(model="chat", messages=ASKED)
    assert len(upstream.bodies()) == 1


def test_a_clients_time_out_is_its_own_exception_and_retried(client: openai.OpenAI, upstream: Any) -> None:
    hasty = client.with_options(timeout=1)
    upstream.script({"first_byte_s": 30})
    with pytest.raises(openai.APITimeoutError):
        hasty.chat.completions.create(model="chat", messages=ASKED)
    upstream.script({"first_byte_s": 30})
    answer = hasty.with_options(max_retries=5).chat.completions.with_raw_response.create(model="chat", messages=ASKED)
    assert answer.retries_taken >= 1
    assert answer.parse().choices[0].message.content == "Scripted answer."


def test_a_stream_that_stalls_times_out_and_what_came_is_kept(client: openai.OpenAI, upstream: Any) -> None:
    upstream.script({"chunks": ["one ", "two "], "fault": "stall", "after_chunks": 1})
    stream = client.with_options(timeout=3).chat.completions.create(model="chat", messages=ASKED, stream=True)
    came: list[str] = []
    with pytest.raises(Exception, match=r"(?i)timed? ?out"):
        came.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(came) == "one "


def test_no_server_at_all_is_a_connection_error(product: Any) -> None:
    lost = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key=product.key, max_retries=0)
    with lost, pytest.raises(openai.APIConnectionError):
        lost.models.list()
