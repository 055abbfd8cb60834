"""What the ledger holds against what the model server served: every call once, to the token and the microdollar.

Calls that state no usage, because the client left or the upstream broke off, are counted by our own tokenizer; their
words are such that it and the server agree on them. Copies of the usage messages change nothing. What the cache
answered stands beside it, as its clients were told, at no cost.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import batched
from pathlib import Path
from typing import Any

import openai
import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient
from openai import AsyncOpenAI
from openai.types import CompletionUsage

from local.azurite import Azurite
from tests.scenarios.deck import Deck, catalogue, eventually, running
from tests.upstream import ScriptedUpstream, Step
from tests.upstream.journal import Entry

ASKED: list[Any] = [{"role": "user", "content": "Count these words please."}]
SAID = ("One", " two", " three", " four", " five")
PRICES = {"input_usd": 0.15, "output_usd": 0.6}
AT_ONCE = 8
DEADLINE_S, GRACE_S = 5, 60
HIDDEN_S = 600
HAND = 32
ROUND = 500
RESERVED = 50
NOT_RECORDED = {"AzureWebJobs.record_usage.Disabled": "true"}

type Totals = tuple[int, int, int, int]
"""Requests, input tokens, output tokens, millionths of a dollar."""


def priced(upstream: ScriptedUpstream) -> dict[str, str]:
    """Models that answer, whose clients leave, that break off in the middle, and one of two deployments."""

    def one(model: str, priority: int = 1) -> dict[str, Any]:
        return {"id": model, "endpoint": upstream.endpoint, "model": model, "priority": priority, **PRICES}

    models = {name: {"deployments": [one(name)], "context_tokens": 4000} for name in ("sound", "left", "broken")}
    models["failing"] = {"deployments": [one("failing-1"), one("failing-2", 2)], "context_tokens": 4000}
    return {"FLIGHTDECK_MODELS": json.dumps(catalogue(upstream) | models)}


def script(upstream: ScriptedUpstream, calls: int) -> None:
    """Faults come between answers, so that no deployment is taken for dead."""
    upstream.steps.reset()
    upstream.journal.reset()
    good = Step(chunks=SAID)
    upstream.script("sound", default=good)
    upstream.script("left", default=Step(chunks=SAID, fault="stall", after_chunks=3))
    for model, fault in (("broken", Step(chunks=SAID, fault="cut", after_chunks=2)), ("failing-1", Step(status=500))):
        upstream.script(model, *[step for _ in range(calls) for step in (fault, *[good] * 4)], default=good)


async def plain(client: AsyncOpenAI, model: str = "sound") -> None:
    await client.chat.completions.create(model=model, messages=ASKED)


async def streamed(client: AsyncOpenAI, model: str = "sound") -> None:
    async for _ in await client.chat.completions.create(model=model, messages=ASKED, stream=True):
        pass


async def left(client: AsyncOpenAI) -> None:
    """Leaves once all has arrived that is going to."""
    stream = await client.chat.completions.create(model="left", messages=ASKED, stream=True)
    arrived = 0
    async for chunk in stream:
        arrived += bool(chunk.choices[0].delta.content)
        if arrived == 3:
            break
    await stream.close()


@dataclass(slots=True)
class Hits:
    """What clients were told by answers out of the cache."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def note(self, headers: Mapping[str, str], usage: CompletionUsage | None) -> None:
        if headers["x-flightdeck-cache"] == "hit":
            assert usage is not None
            self.requests += 1
            self.input_tokens += usage.prompt_tokens
            self.output_tokens += usage.completion_tokens

    @property
    def totals(self) -> Totals:
        return self.requests, self.input_tokens, self.output_tokens, 0


async def again(client: AsyncOpenAI, turn: int, hits: Hits) -> None:
    """A question that comes several times, some of them at once."""
    asked: list[Any] = [{"role": "user", "content": f"Is this question number {turn // 50}?"}]
    answer = await client.chat.completions.with_raw_response.create(model="sound", messages=asked, temperature=0)
    hits.note(answer.headers, answer.parse().usage)


async def streamed_again(client: AsyncOpenAI, turn: int, hits: Hits) -> None:
    """The same question: what one kind of call was told, the other kind is told as well."""
    asked: list[Any] = [{"role": "user", "content": f"Is this question number {turn // 50}?"}]
    answer = await client.chat.completions.with_raw_response.create(
        model="sound", messages=asked, temperature=0, stream=True, stream_options={"include_usage": True}
    )
    last = [chunk async for chunk in answer.parse()][-1]
    hits.note(answer.headers, last.usage)


type Kind = Callable[[AsyncOpenAI, int, Hits], Coroutine[None, None, None]]

KINDS: Sequence[Kind] = (
    lambda client, *_: plain(client),
    lambda client, *_: streamed(client),
    lambda client, *_: left(client),
    lambda client, *_: streamed(client, "broken"),
    lambda client, *_: plain(client, "failing"),
    lambda client, *_: streamed(client, "failing"),
    again,
    streamed_again,
)


async def mixed(client: AsyncOpenAI, turns: Iterable[int], hits: Hits) -> None:
    """Calls of every kind in turn, some at a time; those that fail are to be metered as well."""
    each = iter(turns)

    async def one_after_another() -> None:
        for turn in each:
            with contextlib.suppress(openai.APIError):
                await KINDS[turn % len(KINDS)](client, turn, hits)

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))


def served(entries: Iterable[Entry]) -> Totals:
    """What the model server counted, at the prices of the catalogue, each call rounded by itself."""
    found = list(entries)
    costs = [
        (entry.prompt_tokens * Decimal("0.15") + entry.completion_tokens * Decimal("0.6")).quantize(
            Decimal(1), ROUND_HALF_UP
        )
        for entry in found
    ]
    given, made = sum(entry.prompt_tokens for entry in found), sum(entry.completion_tokens for entry in found)
    return len(found), given, made, int(sum(costs))


async def ledger(deck: Deck, since: int, source: str = "api") -> Totals:
    params = {"start_time": str(since), "bucket_width": "1h", "sources": source}
    async with deck.http() as http:
        answer = await http.get("/v1/organization/usage/completions", params=params)
    results = [result for bucket in answer.json()["data"] for result in bucket["results"]]
    names = ("num_model_requests", "input_tokens", "output_tokens", "cost_microusd")
    requests, given, made, cost = (sum(result[name] for result in results) for name in names)
    return requests, given, made, cost


async def waiting(queue: QueueClient) -> int:
    """Messages, hidden ones as well."""
    return (await queue.get_queue_properties()).approximate_message_count or 0


@asynccontextmanager
async def collected(queue: QueueClient) -> AsyncGenerator[list[str]]:
    """The messages as they become visible, taken off the queue: Azurite slows down with every one that stays."""
    contents: list[str] = []

    async def collect() -> None:
        while True:
            async for page in queue.receive_messages(messages_per_page=HAND, visibility_timeout=HIDDEN_S).by_page():
                found = [message async for message in page]
                await asyncio.gather(*(queue.delete_message(message) for message in found))
                contents.extend(message.content for message in found)
            await asyncio.sleep(0.05)

    collecting = asyncio.create_task(collect())
    try:
        yield contents
    finally:
        collecting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await collecting


async def deal(queue: QueueClient, contents: Sequence[str]) -> None:
    """Three copies of each message in any order, never many at once."""
    copies = [content for content in contents for _ in range(3)]
    random.Random(len(copies)).shuffle(copies)
    for start in range(0, len(copies), HAND):
        await asyncio.gather(*(queue.send_message(copy) for copy in copies[start : start + HAND]))
        await eventually(lambda: waiting(queue), lambda count: count < 10 * HAND)
    await eventually(lambda: waiting(queue), lambda count: count == 0)


@asynccontextmanager
async def usage_queue(deck: Deck) -> AsyncGenerator[QueueClient]:
    async with deck.queues() as service, service.get_queue_client("usage") as queue:
        with contextlib.suppress(ResourceExistsError):
            await queue.create_queue()
        yield queue


@pytest.mark.parametrize("calls", [300, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_the_ledger_equals_what_the_model_served_although_every_usage_message_comes_three_times(
    tmp_path: Path, own_azurite: Azurite, upstream: ScriptedUpstream, calls: int
) -> None:
    settings, since, hits = priced(upstream), int(time.time()), Hits()
    script(upstream, calls)
    async with (
        running(tmp_path, own_azurite, upstream, settings | NOT_RECORDED) as deck,
        usage_queue(deck) as queue,
        collected(queue) as contents,
    ):
        for turns in batched(range(calls), ROUND, strict=False):
            await mixed(deck.client(), turns, hits)
            await eventually(lambda: unaccounted(upstream, hits, contents), lambda count: count == 0)
        entries = list(upstream.journal.entries)
    # The product has stopped, and so has written all that it had to write.
    async with QueueClient.from_connection_string(own_azurite.connection_string, "usage") as queue:
        assert await waiting(queue) == 0
    async with running(tmp_path, own_azurite, upstream, settings) as deck, usage_queue(deck) as queue:
        await deal(queue, contents)
        faults = Counter(str(entry.fault or entry.status) for entry in entries)
        assert {"200", "500", "cut", "stall"} <= faults.keys(), f"not every kind of call was made: {faults}"
        assert hits.requests > calls / 10, "hardly any call was answered out of the cache"
        found, cached = await ledger(deck, since), await ledger(deck, since, "cache")
    print(f"{calls} calls; the model served {dict(faults)}: {served(entries)}; the ledger: {found}")
    print(f"The cache answered {hits.totals}; the ledger: {cached}")
    assert (found, cached) == (served(entries), hits.totals)


async def unaccounted(upstream: ScriptedUpstream, hits: Hits, contents: Sequence[str]) -> int:
    """Calls that go on, and answers without a message; below zero, messages without an answer."""
    entries = upstream.journal.entries
    return sum(not entry.finished for entry in entries) or len(entries) + hits.requests - len(contents)


@pytest.mark.soak
@pytest.mark.skipif(os.environ.get("TEST_STORE", "sqlite") != "sqlite", reason="looks into the store's file")
async def test_calls_whose_worker_is_killed_are_counted_once_each_by_what_was_reserved_for_them(
    tmp_path: Path, own_azurite: Azurite, upstream: ScriptedUpstream
) -> None:
    settings, since = priced(upstream) | {"FLIGHTDECK_DEADLINE_S": str(DEADLINE_S)}, int(time.time())
    script(upstream, 100)
    killed = 5
    async with running(tmp_path, own_azurite, upstream, settings) as deck, usage_queue(deck) as queue:
        client = deck.client()
        await mixed(client, range(100), Hits())
        await eventually(lambda: waiting(queue), lambda count: count == 0)
        before = await ledger(deck, since)
        streams = [
            await client.chat.completions.create(model="left", messages=ASKED, stream=True, max_tokens=RESERVED)
            for _ in range(killed)
        ]
        await eventually(lambda: waiting(queue), lambda count: count == killed)
        os.kill(deck.host.worker_pids[0], signal.SIGKILL)
        for stream in streams:
            await stream.close()
        await mixed(client, range(100), Hits())
        entries = list(upstream.journal.entries)
        patience_s = DEADLINE_S + GRACE_S + 60
        await eventually(lambda: ledger(deck, since), lambda found: found[0] == len(entries), timeout_s=patience_s)
        assert before[0] < len(entries) - killed
        await eventually(lambda: waiting(queue), lambda count: count == 0)
        found = await ledger(deck, since)
    told = served(entries)
    estimates = unsettled(tmp_path)
    print(f"The model served {told}; {killed} of it to workers that were killed; the ledger: {found}, with {estimates}")
    assert found[0] == told[0]
    assert found[2] == told[2] + killed * (RESERVED - 3), "the killed ones are not counted as reserved"
    assert found[1] >= told[1]
    assert estimates == [(1, RESERVED)] * killed


def unsettled(folder: Path) -> list[tuple[int, int]]:
    """Whether each event of which nobody said what it came to is marked as estimated, and its output. The usage API
    shows sums only."""
    with contextlib.closing(sqlite3.connect(folder / "store.db")) as store:
        return store.execute("SELECT estimated, output_tokens FROM usage_events WHERE status = 0").fetchall()
