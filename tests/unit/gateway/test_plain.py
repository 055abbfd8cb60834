"""Plain chat completions through the gateway."""

import asyncio
import json
from dataclasses import replace

import pytest

from shared.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelNotFoundError,
    OverloadedError,
    RateLimitError,
    UpstreamError,
    UpstreamRefusalError,
    UpstreamTimeoutError,
)
from tests.unit.gateway.conftest import Bench, call
from tests.upstream import Step


async def test_the_answer_is_relayed_and_metered_with_the_usage_it_names(bench: Bench) -> None:
    answer = json.loads((await bench.chat.complete(call())).body)
    assert answer["choices"][0]["message"]["content"] == "Scripted answer."
    used = bench.meter.only
    assert (used.status, used.input_tokens, used.output_tokens) == (
        200,
        answer["usage"]["prompt_tokens"],
        answer["usage"]["completion_tokens"],
    )
    assert not used.estimated


async def test_fields_we_do_not_know_reach_the_model_and_only_its_name_changes(bench: Bench) -> None:
    await bench.chat.complete(call(logit_bias={"1": -5}, seed=2**60, nested={"a": [1.5, None, "é"]}))
    sent = bench.upstream.journal.of("chat")[0].body
    assert sent == {
        "model": "chat",
        "messages": [{"role": "user", "content": "Hello there"}],
        "logit_bias": {"1": -5},
        "seed": 2**60,
        "nested": {"a": [1.5, None, "é"]},
    }


async def test_cached_and_reasoning_tokens_are_metered_apart(bench: Bench) -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 2}}
    bench.upstream.script("chat", Step(usage=details))
    await bench.chat.complete(call())
    assert (bench.meter.only.cached_tokens, bench.meter.only.reasoning_tokens) == (3, 2)


async def test_usage_is_counted_by_us_when_the_model_names_none(bench: Bench) -> None:
    bench.upstream.script("chat", Step(text="one two three", usage="missing"))
    await bench.chat.complete(call("four words are here"))
    used = bench.meter.only
    assert (used.input_tokens, used.output_tokens, used.estimated) == (4 + 3, 3, True)


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_the_models_own_refusal_is_passed_on_word_for_word(bench: Bench, status: int) -> None:
    bench.upstream.script("chat", Step(status=status, message="No such thing."))
    with pytest.raises(UpstreamRefusalError) as refused:
        await bench.chat.complete(call())
    assert refused.value.upstream_status == status
    assert json.loads(refused.value.body)["error"]["message"] == "No such thing."
    assert bench.meter.only.status == status


async def test_a_context_that_is_too_long_upstream_keeps_its_code(bench: Bench) -> None:
    bench.upstream.script("chat", Step(error="context_length_exceeded"))
    with pytest.raises(UpstreamRefusalError) as refused:
        await bench.chat.complete(call())
    assert json.loads(refused.value.body)["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize(("form", "expected_s"), [("seconds", 7), ("milliseconds", 7), ("date", 7)])
async def test_a_limit_of_the_model_tells_how_long_to_wait(bench: Bench, form: str, expected_s: float) -> None:
    bench.upstream.script("chat", Step(status=429, retry_after_s=7, retry_after_form=form))  # pyright: ignore[reportArgumentType]
    with pytest.raises(RateLimitError) as refused:
        await bench.chat.complete(call())
    assert refused.value.retry_after_s == pytest.approx(expected_s, abs=2)


async def test_a_failing_model_is_a_503_that_says_when_to_come_back(bench: Bench) -> None:
    bench.upstream.script("chat", Step(status=500))
    with pytest.raises(OverloadedError) as refused:
        await bench.chat.complete(call())
    assert refused.value.retry_after_s is not None
    assert bench.meter.only.status == 503


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_of_ours_is_not_the_clients_401(bench: Bench, status: int) -> None:
    bench.upstream.script("chat", Step(status=status))
    with pytest.raises(UpstreamError) as refused:
        await bench.chat.complete(call())
    assert refused.value.status == 502


async def test_a_model_that_is_down_is_a_503_that_says_when_to_come_back(bench: Bench) -> None:
    with pytest.raises(OverloadedError, match="cannot be reached") as refused:
        await bench.chat.complete(call(model="gone"))
    assert refused.value.retry_after_s is not None
    assert bench.meter.only.status == 503


async def test_an_answer_cut_in_its_middle_is_an_upstream_error(bench: Bench) -> None:
    bench.upstream.script("chat", Step(fault="abort"))
    with pytest.raises(UpstreamError):
        await bench.chat.complete(call())


async def test_an_answer_that_takes_too_long_names_the_way_out(bench: Bench) -> None:
    bench.waits = replace(bench.waits, deadline_s=0.2)
    bench.upstream.script("chat", Step(first_byte_s=30))
    with pytest.raises(UpstreamTimeoutError, match="stream"):
        await bench.chat.complete(call())
    assert bench.meter.only.status == 504


async def test_a_client_that_leaves_cancels_the_model_and_is_metered(bench: Bench) -> None:
    bench.upstream.script("chat", Step(first_byte_s=30))
    asking = asyncio.create_task(bench.chat.complete(call("two words")))
    await bench.upstream.journal.wait_until(lambda journal: len(journal.of("chat")) == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await bench.upstream.journal.wait_left()
    assert (bench.meter.only.status, bench.meter.only.input_tokens, bench.meter.only.estimated) == (499, 5, True)


async def test_an_unknown_model_costs_nothing(bench: Bench) -> None:
    with pytest.raises(ModelNotFoundError, match="'nope'"):
        await bench.chat.complete(call(model="nope"))
    with pytest.raises(ModelNotFoundError, match="'embed'"):
        await bench.chat.complete(call(model="embed"))
    with pytest.raises(InvalidRequestError, match="model parameter"):
        await bench.chat.complete(call(model=""))
    assert bench.meter.attempts == []


async def test_a_prompt_longer_than_the_context_is_refused_before_it_is_sent(bench: Bench) -> None:
    bench.context_tokens = 20
    with pytest.raises(ContextLengthError, match="20 tokens"):
        await bench.chat.complete(call("word " * 30))
    assert bench.upstream.journal.of("chat") == []
    await bench.chat.complete(call("long-words-of-few-tokens" * 10))
