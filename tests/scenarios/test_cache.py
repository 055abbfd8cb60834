"""The cache of answers seen from outside, by OpenAI's client: hits, everything that must be none, shared calls."""

import asyncio
import time
from typing import Any

import openai
import pytest

from tests.scenarios.deck import Deck, eventually
from tests.upstream import Step

TOOL: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
NO_STORE = {"cache-control": "no-store"}


def served(deck: Deck) -> int:
    return len(deck.upstream.journal.of("chat"))


async def ask(deck: Deck, question: str, tenant: str = "acme", **extra: Any) -> str | None:
    """Ask at temperature 0, and say whether it was a hit."""
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": question}], **extra}
    client = deck.client(tenant).chat.completions.with_raw_response
    answer = await client.create(model="chat", temperature=0, **asked)
    assert answer.parse().choices
    return answer.headers.get("x-flightdeck-cache")


async def test_the_second_answer_costs_nothing_and_the_ledger_says_where_it_came_from(deck: Deck) -> None:
    async def cached() -> tuple[int, int]:
        params = {"start_time": str(int(time.time()) - 3600), "bucket_width": "1h", "sources": "cache"}
        async with deck.http() as http:
            answer = await http.get("/v1/organization/usage/completions", params=params)
        results = [result for bucket in answer.json()["data"] for result in bucket["results"]]
        assert all(one["input_cached_tokens"] == one["input_tokens"] for one in results)
        return sum(one["num_model_requests"] for one in results), sum(one["cost_microusd"] for one in results)

    requests, _ = await cached()
    assert [await ask(deck, "Asked twice") for _ in range(2)] == ["miss", "hit"]
    assert served(deck) == 1
    await eventually(cached, lambda found: found == (requests + 1, 0))


async def test_a_stream_out_of_the_cache_is_one_to_openais_client(deck: Deck) -> None:
    deck.upstream.script("chat", Step(chunks=("One ", "two ", "three.")))
    told: list[tuple[str, str | None, int]] = []
    ids: set[str] = set()
    for _ in range(2):
        stream = await deck.client().chat.completions.create(
            model="chat",
            temperature=0,
            messages=[{"role": "user", "content": "Streamed twice"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        ids |= {chunk.id for chunk in chunks}
        choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
        usage = chunks[-1].usage
        assert usage is not None
        text = "".join(choice.delta.content or "" for choice in choices)
        told.append((text, choices[-1].finish_reason, usage.total_tokens))
    assert told[0] == told[1]
    assert told[0][:2] == ("One two three.", "stop")
    assert (len(ids), served(deck)) == (2, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "other"},
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hazards"}]},
        {"tools": [TOOL]},
        {"seed": 7},
        {"extra_headers": NO_STORE},
        {"extra_headers": {"cache-control": "no-cache"}},
    ],
    ids=["another tenant", "another system prompt", "another tool set", "a parameter", "no-store", "no-cache"],
)
async def test_what_differs_is_no_hit(deck: Deck, other: dict[str, Any]) -> None:
    await ask(deck, "Hazards")
    before = served(deck)
    assert await ask(deck, "Hazards") == "hit"
    assert await ask(deck, "Hazards", **other) != "hit"
    assert served(deck) == before + 1


@pytest.mark.parametrize(
    ("question", "step"),
    [
        ("An error", Step(status=500)),
        ("A refusal", Step(status=400)),
        ("A truncated answer", Step(finish_reason="length")),
        ("A filtered answer", Step(finish_reason="content_filter")),
        ("A tool call", Step(tool_calls=({"name": "look"},))),  # pyright: ignore[reportArgumentType]
    ],
)
async def test_what_is_no_whole_answer_is_not_given_again(deck: Deck, question: str, step: Step) -> None:
    deck.upstream.script("chat", step)
    try:
        assert await ask(deck, question) == "miss"
    except openai.APIStatusError:
        assert step.status != 200
    assert [await ask(deck, question) for _ in range(2)] == ["miss", "hit"]
    assert served(deck) == 2


async def test_a_stream_that_was_cut_is_not_given_again(deck: Deck) -> None:
    deck.upstream.script("chat", Step(chunks=("a ", "b ", "c "), fault="cut", after_chunks=2))
    client = deck.client()
    with pytest.raises(openai.APIError):
        async for _ in await client.chat.completions.create(
            model="chat", temperature=0, messages=[{"role": "user", "content": "A cut stream"}], stream=True
        ):
            pass
    assert await ask(deck, "A cut stream") == "miss"


async def test_a_hundred_that_ask_the_same_at_once_make_one_call(deck: Deck) -> None:
    deck.upstream.script("chat", Step(first_byte_s=3))
    hits = await asyncio.gather(*(ask(deck, "Asked by a hundred") for _ in range(100)))
    assert (served(deck), hits.count("hit"), hits.count("miss")) == (1, 99, 1)


async def test_a_wish_that_there_is_not_is_refused(deck: Deck) -> None:
    with pytest.raises(openai.BadRequestError, match="'maybe'"):
        await ask(deck, "A wish", extra_headers={"x-flightdeck-cache": "maybe"})
