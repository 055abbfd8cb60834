"""Fail-over seen from outside: two deployments of a model, one of which misbehaves, asked by OpenAI's client."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from local.azurite import Azurite, AzuriteConfig
from tests.scenarios.deck import Deck, catalogue, running
from tests.upstream import ScriptedUpstream, Step

ASKED: list[Any] = [{"role": "user", "content": "hi"}]

NAMES = (
    *("plain", "storm", "limited", "down", "slow", "cut", "late-cut", "stalled", "malformed"),
    *("filtered", "finished-filtered", "locked", "provisioned", "all-down"),
)


def _pairs(upstream: ScriptedUpstream) -> dict[str, Any]:
    """Each name is a model of its own, so that no test meets the health that another has left behind."""

    def one(name: str, priority: int) -> dict[str, Any]:
        model = f"{name}-{priority}"
        return {"id": model, "endpoint": upstream.endpoint, "model": model, "priority": priority}

    pairs = {name: {"deployments": [one(name, 1), one(name, 2)]} for name in NAMES}
    pairs["storm"]["deployments"][1]["priority"] = 1
    pairs["down"]["deployments"][0]["endpoint"] = "http://127.0.0.1:9/v1"
    return pairs


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> AsyncIterator[Deck]:
    storage = Azurite(AzuriteConfig(data_dir=tmp_path_factory.mktemp("azurite")))
    await storage.start()
    settings = {
        "FLIGHTDECK_MODELS": json.dumps(catalogue(upstream) | _pairs(upstream)),
        "FLIGHTDECK_TTFT_S": "0.5",
        "FLIGHTDECK_IDLE_S": "1",
    }
    try:
        async with running(tmp_path_factory.mktemp("product"), storage, upstream, settings) as deck:
            yield deck
    finally:
        await storage.stop()


async def plain(client: AsyncOpenAI, model: str) -> tuple[str, str]:
    """Which deployment answered, and how many were asked."""
    answer = await client.chat.completions.with_raw_response.create(model=model, messages=ASKED)
    assert answer.parse().choices
    return answer.headers["x-flightdeck-deployment"], answer.headers["x-flightdeck-attempts"]


async def streamed(client: AsyncOpenAI, model: str) -> tuple[str, str]:
    """What was said, and the last finish reason."""
    said, finish = "", ""
    async for chunk in await client.chat.completions.create(model=model, messages=ASKED, stream=True):
        for choice in chunk.choices:
            said += choice.delta.content or ""
            finish = choice.finish_reason or finish
    return said, finish


def asked(deck: Deck, *models: str) -> int:
    return sum(len(deck.upstream.journal.of(model)) for model in models)


async def test_a_storm_of_429_on_one_of_two_is_hardly_noticed(deck: Deck) -> None:
    deck.upstream.script("storm-1", default=Step(status=429, retry_after_s=30))
    client = deck.client()

    async def some() -> list[tuple[str, str] | BaseException]:
        return await asyncio.gather(*(plain(client, "storm") for _ in range(20)), return_exceptions=True)

    answers = [answer for _ in range(10) for answer in await some()]
    assert sum(not isinstance(answer, BaseException) for answer in answers) >= 198
    assert asked(deck, "storm-1", "storm-2") <= 240


@pytest.mark.parametrize("form", ["seconds", "milliseconds", "date"])
async def test_a_limit_is_kept_to_in_every_form_it_is_stated(deck: Deck, form: Any) -> None:
    deck.upstream.script("limited-1", default=Step(status=429, retry_after_s=30, retry_after_form=form))
    client = deck.client()
    deployments = [(await plain(client, "limited"))[0] for _ in range(3)]
    assert deployments == ["limited-2"] * 3
    assert asked(deck, "limited-1") <= 1


async def test_a_deployment_that_is_down_is_passed_over(deck: Deck) -> None:
    client = deck.client()
    answers = [await plain(client, "down") for _ in range(12)]
    assert {deployment for deployment, _ in answers} == {"down-2"}
    assert answers[0][1] == "2"
    assert answers[-1][1] == "1", "the breaker has not opened"


async def test_a_slow_first_token_goes_to_the_next(deck: Deck) -> None:
    deck.upstream.script("slow-1", default=Step(first_byte_s=30))
    deck.upstream.script("slow-2", default=Step(text="Quick."))
    assert await streamed(deck.client(), "slow") == ("Quick.", "stop")


@pytest.mark.parametrize(("model", "fault"), [("cut", "cut"), ("malformed", "malformed"), ("stalled", "stall")])
async def test_a_stream_that_breaks_before_content_goes_to_the_next(deck: Deck, model: str, fault: Any) -> None:
    deck.upstream.script(f"{model}-1", Step(fault=fault))
    deck.upstream.script(f"{model}-2", Step(text="From the second."))
    assert await streamed(deck.client(), model) == ("From the second.", "stop")


@pytest.mark.parametrize("fault", ["cut", "abort", "stall", "malformed"])
async def test_a_stream_that_breaks_after_content_ends_with_an_error_and_no_done(deck: Deck, fault: Any) -> None:
    deck.upstream.script("late-cut-1", Step(chunks=("One ", "two ", "three."), fault=fault, after_chunks=1))
    with pytest.raises(openai.APIError):
        await streamed(deck.client(), "late-cut")
    assert asked(deck, "late-cut-2") == 0


async def test_a_content_filter_is_the_clients_own_and_is_relayed(deck: Deck) -> None:
    deck.upstream.script("filtered-1", Step(error="content_filter"))
    with pytest.raises(openai.BadRequestError) as refused:
        await plain(deck.client(), "filtered")
    assert refused.value.code == "content_filter"
    assert asked(deck, "filtered-2") == 0


async def test_an_answer_that_the_filter_ended_is_an_answer(deck: Deck) -> None:
    deck.upstream.script("finished-filtered-1", Step(text="Up to h", finish_reason="content_filter", times=2))
    client = deck.client()
    assert await streamed(client, "finished-filtered") == ("Up to h", "content_filter")
    assert await plain(client, "finished-filtered") == ("finished-filtered-1", "1")


async def test_a_key_that_a_deployment_refuses_is_our_fault_and_is_said(deck: Deck) -> None:
    deck.upstream.script("locked-1", Step(status=401))
    with pytest.raises(openai.InternalServerError) as refused:
        await plain(deck.client(), "locked")
    assert (refused.value.status_code, refused.value.code) == (502, "upstream_credentials")
    assert asked(deck, "locked-2") == 0


async def test_what_the_provisioned_deployment_cannot_take_spills_over(deck: Deck) -> None:
    client = deck.client()
    assert await plain(client, "provisioned") == ("provisioned-1", "1")
    deck.upstream.script("provisioned-1", Step(status=429, retry_after_s=0.2, retry_after_form="milliseconds"))
    assert await plain(client, "provisioned") == ("provisioned-2", "2")
    async with asyncio.timeout(20):
        while (await plain(client, "provisioned"))[0] != "provisioned-1":
            pass


async def test_when_all_are_down_the_answer_is_a_fast_503_with_retry_after(deck: Deck) -> None:
    for model in ("all-down-1", "all-down-2"):
        deck.upstream.script(model, default=Step(status=503))
    client = deck.client()
    for _ in range(12):
        with pytest.raises(openai.InternalServerError) as refused:
            await plain(client, "all-down")
    before = asked(deck, "all-down-1", "all-down-2")
    with pytest.raises(openai.InternalServerError) as refused:
        await plain(client, "all-down")
    assert asked(deck, "all-down-1", "all-down-2") == before, "a deployment that rests was asked"
    assert refused.value.status_code == 503
    assert int(refused.value.response.headers["retry-after"]) >= 1
