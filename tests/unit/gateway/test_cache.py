"""The cache of answers: what may be given again, to whom, and what must never be."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.adapters.memory.cache import MemoryAnswerCache
from shared.adapters.memory.clock import ManualClock
from shared.errors import OverloadedError, PlatformError, RateLimitError
from shared.gateway.cached import CachedChat
from shared.gateway.chat import ChatCall, Retrieval
from shared.ports.cache import AnswerCache
from shared.ports.keys import Caller
from shared.wire.cache import CacheWish
from tests.unit.gateway.conftest import Bench, call
from tests.unit.gateway.test_streams import collect, text_of
from tests.upstream import Step


def asked(text: str = "Hello there", *, wish: CacheWish | None = None, **extra: object) -> ChatCall:
    """A call whose answer may be kept."""
    return replace(call(text, **{"temperature": 0, **extra}), wish=wish or CacheWish())


async def answer(chat: CachedChat, one: ChatCall) -> tuple[str | None, dict[str, Any]]:
    """Whether it was a hit, and the answer; after what there was to keep is kept."""
    relayed = await chat.complete(one)
    await chat.drain()
    return relayed.headers.get("x-flightdeck-cache"), json.loads(relayed.body)


async def streamed(chat: CachedChat, one: ChatCall) -> tuple[str | None, list[Any]]:
    reply = await chat.stream(one)
    events = await collect(reply.events)
    await chat.drain()
    return reply.headers.get("x-flightdeck-cache"), events


def served(bench: Bench) -> int:
    return len(bench.upstream.journal.of("chat"))


class TestAHit:
    async def test_is_the_same_answer_under_a_fresh_id_and_asks_no_model(self, bench: Bench) -> None:
        chat = bench.cached()
        (first, one), (second, other) = await answer(chat, asked()), await answer(chat, asked())
        assert (first, second, served(bench)) == ("miss", "hit", 1)
        assert other["id"] != one["id"]
        assert other["created"] != one["created"]
        assert {**other, "id": 0, "created": 0} == {**one, "id": 0, "created": 0}

    async def test_is_metered_as_what_its_client_was_told_and_from_the_cache(self, bench: Bench) -> None:
        chat = bench.cached()
        await answer(chat, asked())
        _, told = await answer(chat, asked())
        attempt, used = bench.meter.attempts[1], bench.meter.consumptions[1]
        assert (attempt.deployment, attempt.source, attempt.key_id) == ("cache", "cache", "key-1")
        given = told["usage"]["prompt_tokens"]
        assert (used.status, used.input_tokens, used.cached_tokens) == (200, given, given)
        assert used.output_tokens == told["usage"]["completion_tokens"]

    async def test_a_stream_is_kept_and_told_as_a_stream_and_as_a_plain_answer(self, bench: Bench) -> None:
        bench.upstream.script("chat", Step(chunks=("One ", "two ", "three.")))
        chat = bench.cached()
        first, original = await streamed(chat, asked(stream=True))
        second, events = await streamed(chat, asked(stream=True))
        third, plain = await answer(chat, asked())
        assert (first, second, third, served(bench)) == ("miss", "hit", "hit", 1)
        assert text_of(original) == text_of(events) == plain["choices"][0]["message"]["content"] == "One two three."
        assert events[-1] == "[DONE]"
        assert len({event["id"] for event in events[:-1]}) == 1
        assert events[-2]["choices"][0]["finish_reason"] == "stop"
        assert [event for event in (*original, *events) if event != "[DONE]" and event.get("usage")] == []
        assert plain["object"] == "chat.completion"
        assert plain["usage"]["completion_tokens"] == bench.upstream.journal.of("chat")[0].completion_tokens

    async def test_a_plain_answer_is_told_as_a_stream_with_its_usage_if_that_is_asked_for(self, bench: Bench) -> None:
        chat = bench.cached()
        _, plain = await answer(chat, asked())
        hit, events = await streamed(chat, replace(asked(stream=True), include_usage=True))
        assert hit == "hit"
        assert events[-2]["choices"] == []
        assert events[-2]["usage"] == plain["usage"]
        assert events[0]["object"] == "chat.completion.chunk"
        assert events[0]["choices"][0]["delta"]["role"] == "assistant"

    async def test_an_answer_without_usage_is_counted_by_us_on_every_hit(self, bench: Bench) -> None:
        bench.upstream.script("chat", Step(text="one two three", usage="missing"))
        chat = bench.cached()
        await answer(chat, asked("two words"))
        _, events = await streamed(chat, replace(asked("two words", stream=True), include_usage=True))
        assert (bench.meter.consumptions[1].input_tokens, bench.meter.consumptions[1].output_tokens) == (5, 3)
        assert events[-2]["usage"]["completion_tokens"] == 3

    async def test_every_choice_is_told(self, bench: Bench) -> None:
        kept = {"choices": [_choice(0, "a"), _choice(1, "b")]}
        chat = bench.cached(answers := MemoryAnswerCache(ManualClock()))
        await answer(chat, asked())
        (place,) = answers._entries  # pyright: ignore[reportPrivateUsage] -- to put in what the script cannot say
        await answers.put(*place, json.dumps(kept).encode(), ttl_s=60)
        _, events = await streamed(chat, asked(stream=True))
        said = [choice for event in events[:-1] for choice in event["choices"]]
        texts = {
            index: "".join(one["delta"].get("content", "") for one in said if one["index"] == index) for index in (0, 1)
        }
        assert texts == {0: "a", 1: "b"}

    async def test_the_order_of_fields_does_not_matter_and_neither_do_stream_options(self, bench: Bench) -> None:
        chat = bench.cached()
        await answer(chat, asked(seed=1, top_p=1))
        hit, _ = await streamed(chat, asked(top_p=1, seed=1, stream=True, stream_options={"include_usage": False}))
        assert hit == "hit"


def _choice(index: int, text: str) -> dict[str, Any]:
    return {"index": index, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}


FIRST = asked(tools=None)
GROUNDED = replace(FIRST, retrieval=Retrieval({"messages": 1, "temperature": 0}, "[doc1] a passage"))
TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}


class TestNoHit:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (FIRST, replace(FIRST, caller=Caller("other", "key-1"))),
            (FIRST, asked("Hello there.")),
            (FIRST, asked(seed=2)),
            (FIRST, asked(temperature=0, top_p=0.5)),
            (FIRST, asked(tools=[TOOL])),
            (asked(tools=[TOOL]), asked(tools=[{**TOOL, "strict": True}])),
            (FIRST, asked(messages=[{"role": "system", "content": "Be short."}, *call().body["messages"]])),  # type: ignore[misc]
            (FIRST, GROUNDED),
            (GROUNDED, replace(GROUNDED, caller=replace(GROUNDED.caller, principals=("boss",)))),
            (GROUNDED, replace(GROUNDED, retrieval=Retrieval({"messages": 1, "temperature": 0}, "[doc1] another"))),
            (GROUNDED, replace(GROUNDED, retrieval=Retrieval({"messages": 2, "temperature": 0}, "[doc1] a passage"))),
        ],
        ids=[
            "another tenant",
            "another text",
            "a parameter more",
            "another parameter",
            "a tool set",
            "another tool set",
            "another system prompt",
            "grounded or not",
            "other principals",
            "other passages",
            "another question of the same passages",
        ],
    )
    async def test_for_what_differs(self, bench: Bench, first: ChatCall, second: ChatCall) -> None:
        chat = bench.cached()
        assert await self._served(bench, chat, first, second) == ["miss", "miss"]
        assert await self._served(bench, chat, first, second) == ["hit", "hit"]
        assert served(bench) == 2

    async def _served(self, bench: Bench, chat: CachedChat, *calls: ChatCall) -> list[str | None]:
        return [(await answer(chat, one))[0] for one in calls]

    @pytest.mark.parametrize("temperature", [None, 0.1, 1, "0", False])
    async def test_but_at_an_explicit_temperature_of_0(self, bench: Bench, temperature: object) -> None:
        chat = bench.cached()
        one = call(temperature=temperature) if temperature is not None else call()
        assert [(await answer(chat, one))[0] for _ in range(2)] == [None, None]
        assert served(bench) == 2

    async def test_after_the_time_to_live(self, bench: Bench) -> None:
        clock = ManualClock()
        chat = bench.cached(MemoryAnswerCache(clock), ttl_s=60)
        await answer(chat, asked())
        clock.advance(61)
        assert (await answer(chat, asked()))[0] == "miss"

    @pytest.mark.parametrize(
        "step",
        [
            Step(finish_reason="length"),
            Step(finish_reason="content_filter"),
            Step(tool_calls=({"name": "look"},)),  # pyright: ignore[reportArgumentType]
            Step(tool_calls=({"name": "look"},), finish_reason="stop"),  # pyright: ignore[reportArgumentType]
            Step(text=""),
            Step(text="long " * 3000),
        ],
        ids=["truncated", "filtered", "tools", "a forced tool", "nothing said", "too long to keep"],
    )
    @pytest.mark.parametrize("stream", [False, True])
    async def test_for_an_answer_that_is_not_whole(self, bench: Bench, step: Step, *, stream: bool) -> None:
        bench.upstream.script("chat", step)
        chat = bench.cached()
        ask = streamed if stream else answer
        assert [(await ask(chat, asked(stream=stream)))[0] for _ in range(3)] == ["miss", "miss", "hit"]
        assert served(bench) == 2

    @pytest.mark.parametrize("fault", ["cut", "abort", "malformed"])
    async def test_for_a_stream_that_broke(self, bench: Bench, fault: str) -> None:
        bench.upstream.script("chat", Step(chunks=("a ", "b ", "c "), fault=fault, after_chunks=2))  # pyright: ignore[reportArgumentType]
        chat = bench.cached()
        hit, events = await streamed(chat, asked(stream=True))
        assert (hit, "error" in events[-1]) == ("miss", True)
        assert (await streamed(chat, asked(stream=True)))[0] == "miss"

    async def test_for_an_error(self, bench: Bench) -> None:
        bench.upstream.script("chat", Step(status=500))
        chat = bench.cached()
        with pytest.raises(OverloadedError):
            await chat.complete(asked())
        assert (await answer(chat, asked()))[0] == "miss"

    async def test_where_a_client_left_in_the_middle(self, bench: Bench) -> None:
        bench.upstream.script("chat", Step(chunk_count=200, chunk_delay_s=0.05))
        chat = bench.cached()
        reply = await chat.stream(asked(stream=True))
        assert await anext(reply.events)
        await reply.events.aclose()
        await bench.upstream.journal.wait_left()
        await chat.drain()
        assert bench.meter.only.status == 499
        assert (await streamed(chat, asked(stream=True)))[0] == "miss"

    async def test_for_no_store_which_neither_reads_nor_keeps(self, bench: Bench) -> None:
        chat = bench.cached()
        private = asked(wish=CacheWish(read=False, keep=False))
        assert [(await answer(chat, one))[0] for one in (private, asked(), private)] == [None, "miss", None]
        assert served(bench) == 3

    async def test_for_no_cache_which_keeps_what_it_gets(self, bench: Bench) -> None:
        bench.upstream.script("chat", Step(text="old"), Step(text="new"))
        chat = bench.cached()
        await answer(chat, asked())
        fresh, _ = await answer(chat, asked(wish=CacheWish(read=False)))
        hit, told = await answer(chat, asked())
        assert (fresh, hit, told["choices"][0]["message"]["content"]) == ("miss", "hit", "new")

    async def test_where_nothing_is_to_be_kept(self, bench: Bench) -> None:
        chat = bench.cached(ttl_s=0)
        assert [(await answer(chat, asked()))[0] for _ in range(2)] == [None, None]

    @pytest.mark.parametrize("extra", [{"store": True}, {"web_search_options": {"a": 1}}, {"audio": {"voice": "v"}}])
    async def test_for_what_depends_on_more_than_the_request(self, bench: Bench, extra: dict[str, Any]) -> None:
        chat = bench.cached()
        assert [(await answer(chat, asked(**extra)))[0] for _ in range(2)] == [None, None]


async def test_a_client_may_ask_for_the_cache_at_any_temperature(bench: Bench) -> None:
    chat = bench.cached()
    one = replace(call(), wish=CacheWish(always=True))
    assert [(await answer(chat, one))[0] for _ in range(2)] == ["miss", "hit"]


@pytest.mark.parametrize("stream", [False, True])
async def test_tool_calls_are_kept_for_those_who_ask_for_it_and_only_for_them(bench: Bench, *, stream: bool) -> None:
    call_of = {"name": "look", "arguments": '{"at": "the sky", "usage": {}}', "pieces": 4}
    step = Step(tool_calls=(call_of, {**call_of, "id": "call_2"}))  # pyright: ignore[reportArgumentType]
    bench.upstream.script("chat", default=step)
    chat, wish = bench.cached(), CacheWish(tools=True)
    ask = streamed if stream else answer
    await ask(chat, asked(stream=stream, wish=wish))
    hit, plain = await answer(chat, asked(wish=wish))
    assert hit == "hit"
    functions = [(one["id"], one["function"]["arguments"]) for one in plain["choices"][0]["message"]["tool_calls"]]
    assert functions == [("call_1", call_of["arguments"]), ("call_2", call_of["arguments"])]
    _, events = await streamed(chat, asked(stream=True, wish=wish))
    told = [part for event in events[:-1] for part in event["choices"][0]["delta"].get("tool_calls", [])]
    assert [(part["index"], part["id"]) for part in told] == [(0, "call_1"), (1, "call_2")]
    assert (await answer(chat, asked()))[0] == "miss"


@dataclass
class BrokenCache:
    """An AnswerCache that is down, or never answers."""

    error: PlatformError | None = None

    async def get(self, tenant: str, space: str, key: str) -> bytes | None:
        if self.error is None:
            await asyncio.Event().wait()
        raise self.error or AssertionError

    async def put(self, tenant: str, space: str, key: str, answer: bytes, *, ttl_s: int) -> None:
        raise self.error or OverloadedError("down")


@pytest.mark.parametrize("cache", [BrokenCache(OverloadedError("down")), BrokenCache()])
async def test_a_store_that_is_down_or_slow_is_a_miss_and_no_error(bench: Bench, cache: AnswerCache) -> None:
    chat = bench.cached(cache)
    assert (await answer(chat, asked()))[0] == "miss"


class TestSingleFlight:
    @pytest.mark.parametrize("stream", [False, True])
    async def test_a_hundred_that_ask_the_same_at_once_make_one_call(self, bench: Bench, *, stream: bool) -> None:
        bench.upstream.script("chat", Step(chunks=("one ", "two"), chunk_delay_s=0.1, first_byte_s=0.1))
        chat = bench.cached()
        ask = streamed if stream else answer
        answers = await asyncio.gather(*(ask(chat, asked(stream=stream)) for _ in range(100)))
        assert served(bench) == 1
        assert sorted(hit or "" for hit, _ in answers) == ["hit"] * 99 + ["miss"]
        assert all(told == answers[0][1] for _, told in answers)
        sources = [attempt.source for attempt in bench.meter.attempts]
        assert (sources.count("api"), sources.count("cache")) == (1, 99)
        totals = {(used.input_tokens, used.output_tokens, used.status) for used in bench.meter.consumptions.values()}
        assert len(totals) == 1

    async def test_each_stream_has_the_usage_only_if_it_asked(self, bench: Bench) -> None:
        bench.upstream.script("chat", Step(chunks=("one ", "two"), first_byte_s=0.1))
        chat = bench.cached()
        one = asked(stream=True)
        (_, without), (_, having) = await asyncio.gather(
            streamed(chat, one), streamed(chat, replace(one, include_usage=True))
        )
        assert served(bench) == 1
        assert [event for event in without[:-1] if event["choices"] == []] == []
        assert having[-2]["usage"]["completion_tokens"] == bench.meter.consumptions[0].output_tokens

    async def test_the_call_goes_on_when_the_first_leaves_while_others_wait(self, bench: Bench) -> None:
        bench.upstream.script("chat", Step(chunk_count=20, chunk_delay_s=0.02))
        chat = bench.cached()
        leader, follower = await chat.stream(asked(stream=True)), await chat.stream(asked(stream=True))
        await anext(leader.events)
        await leader.events.aclose()
        events = await collect(follower.events)
        await chat.drain()
        assert (events[-1], text_of(events).split()) == ("[DONE]", [f"w{n}" for n in range(20)])
        assert [bench.meter.consumptions[n].status for n in (0, 1)] == [200, 200]

    async def test_one_that_leaves_in_the_middle_is_metered_for_what_it_got(self, bench: Bench) -> None:
        bench.upstream.script("chat", Step(chunk_count=20, chunk_delay_s=0.02))
        chat = bench.cached()
        leader, follower = await chat.stream(asked(stream=True)), await chat.stream(asked(stream=True))
        await anext(follower.events)
        await follower.events.aclose()
        await collect(leader.events)
        left = bench.meter.consumptions[1]
        assert (bench.meter.attempts[1].source, left.status) == ("cache", 499)
        assert left.output_tokens < bench.meter.consumptions[0].output_tokens

    async def test_when_all_have_left_the_model_is_cancelled(self, bench: Bench) -> None:
        bench.upstream.script("chat", Step(first_byte_s=30))
        chat = bench.cached()
        asking = [asyncio.create_task(chat.complete(asked())) for _ in range(3)]
        await bench.upstream.journal.wait_until(lambda journal: len(journal.of("chat")) == 1)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await bench.upstream.journal.wait_left()
        await chat.drain()
        assert bench.meter.only.status == 499
        assert (await answer(chat, asked()))[0] == "miss"

    @pytest.mark.parametrize("stream", [False, True])
    async def test_a_failure_is_everyones(self, bench: Bench, *, stream: bool) -> None:
        bench.upstream.script("chat", Step(status=500, first_byte_s=0.1))
        chat = bench.cached()
        ask = chat.stream if stream else chat.complete
        failed = await asyncio.gather(*(ask(asked(stream=stream)) for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in failed] == [OverloadedError] * 5
        assert served(bench) == 1
        assert len(bench.meter.attempts) == 1

    async def test_a_limit_of_one_key_is_not_anothers(self, bench: Bench) -> None:
        bench.upstream.script("chat", Step(status=429, first_byte_s=0.1))
        chat = bench.cached()
        same, other = asked(), replace(asked(), caller=Caller("acme", "key-2"))
        first, second, third = await asyncio.gather(
            chat.complete(same), chat.complete(same), chat.complete(other), return_exceptions=True
        )
        assert [type(first), type(second)] == [RateLimitError] * 2
        assert third is not first, "it asked by itself"

    async def test_who_wants_a_fresh_answer_joins_none(self, bench: Bench) -> None:
        bench.upstream.script("chat", default=Step(first_byte_s=0.1))
        chat = bench.cached()
        fresh = asked(wish=CacheWish(read=False))
        await asyncio.gather(chat.complete(asked()), chat.complete(fresh), chat.complete(fresh))
        assert served(bench) == 3
