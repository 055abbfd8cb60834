"""Limits seen from outside, by OpenAI's client: figures in headers, refusals that can be waited out, tenants apart."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import openai
import pytest
import pytest_asyncio

from local.azurite import Azurite, AzuriteConfig
from tests.scenarios.deck import Deck, running
from tests.upstream import ScriptedUpstream

ASKED: list[Any] = [{"role": "user", "content": "hi"}]
LIMITS = [
    {"tenant": "acme", "model": "chat", "requests": 100, "tokens": 60_000},
    {"tenant": "other", "tokens": 1_000},
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> AsyncIterator[Deck]:
    storage = Azurite(AzuriteConfig(data_dir=tmp_path_factory.mktemp("azurite")))
    await storage.start()
    try:
        folder = tmp_path_factory.mktemp("product")
        async with running(folder, storage, upstream, {"FLIGHTDECK_LIMITS": json.dumps(LIMITS)}) as deck:
            yield deck
    finally:
        await storage.stop()


async def test_answers_say_how_much_is_left_and_a_refusal_when_to_come_back(deck: Deck) -> None:
    client = deck.client()
    first = await client.chat.completions.with_raw_response.create(model="chat", messages=ASKED, max_tokens=20)
    assert first.headers["x-ratelimit-limit-requests"] == "100"
    assert first.headers["x-ratelimit-limit-tokens"] == "60000"
    assert int(first.headers["x-ratelimit-remaining-requests"]) < 10
    refused = await _refusal(lambda: client.chat.completions.create(model="chat", messages=ASKED, max_tokens=20))
    headers = refused.response.headers
    assert refused.code == "rate_limit_exceeded"
    assert 0 < float(headers["retry-after-ms"]) <= 6000
    assert headers["x-ratelimit-remaining-requests"] == "0"
    patient = client.with_options(max_retries=10)
    assert (await patient.chat.completions.create(model="chat", messages=ASKED, max_tokens=20)).choices
    assert len(deck.upstream.journal.of("chat")) < 100, "a refused call reached the model"


async def test_one_tenants_limit_is_not_anothers(deck: Deck) -> None:
    other = deck.client("other")
    await _refusal(lambda: other.embeddings.create(model="embedding", input="a few words " * 40))
    assert (await deck.client("acme").embeddings.create(model="embedding", input="hi")).data


async def test_a_request_over_the_whole_limit_is_not_to_be_tried_again(deck: Deck) -> None:
    with pytest.raises(openai.RateLimitError) as refused:
        await deck.client("other").embeddings.create(model="embedding", input="many words " * 500)
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert "too large" in refused.value.message


async def _refusal(call: Callable[[], Awaitable[object]]) -> openai.RateLimitError:
    """Make the call until it is refused."""
    for _ in range(100):
        try:
            await call()
        except openai.RateLimitError as error:
            return error
    raise AssertionError("a hundred calls were not refused")
