"""What the ledger holds against what the model server served: every call once, to the token and the microdollar.

Calls that state no usage, because the client left or the upstream broke off, are counted by our own tokenizer; their
words are such that it and the server agree on them. Copies of the usage messages change nothing.
"""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import openai
import pytest
from azure.storage.queue.aio import QueueClient
from openai import AsyncOpenAI

from local.azurite import Azurite
from tests.scenarios.deck import Deck, catalogue, eventually, running
from tests.upstream import ScriptedUpstream, Step
from tests.upstream.journal import Entry

ASKED: list[Any] = [{"role": "user", "content": "Count these words please."}]
SAID = ("One", " two", " three", " four", " five")
PRICES = {"input_usd": 0.15, "output_usd": 0.6}
AT_ONCE = 8
DEADLINE_S, GRACE_S = 5, 60
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


KINDS: Sequence[Callable[[AsyncOpenAI], Coroutine[None, None, None]]] = (
    plain,
    streamed,
    left,
    lambda client: streamed(client, "broken"),
    lambda client: plain(client, "failing"),
    lambda client: streamed(client, "failing"),
)


async def mixed(client: AsyncOpenAI, calls: int) -> None:
    """Calls of every kind in turn, some at a time; those that fail are to be metered as well."""
    turns = iter(range(calls))

    async def one_after_another() -> None:
        for turn in turns:
            with contextlib.suppress(openai.APIError):
                await KINDS[turn % len(KINDS)](client)

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


async def ledger(deck: Deck, since: int) -> Totals:
    params = {"start_time": str(since), "bucket_width": "1h"}
    async with deck.http() as http:
        answer = await http.get("/v1/organization/usage/completions", params=params)
    results = [result for bucket in answer.json()["data"] for result in bucket["results"]]
    names = ("num_model_requests", "input_tokens", "output_tokens", "cost_microusd")
    requests, given, made, cost = (sum(result[name] for result in results) for name in names)
    return requests, given, made, cost


async def waiting(queue: QueueClient) -> int:
    """Messages, hidden ones as well."""
    return (await queue.get_queue_properties()).approximate_message_count or 0


async def triple(queue: QueueClient, messages: int) -> None:
    """Three copies in the place of each message."""
    taken: set[str] = set()
    while len(taken) < messages:
        found = [
            message
            async for message in queue.receive_messages(max_messages=messages, visibility_timeout=600)
            if message.id not in taken
        ]
        taken |= {message.id for message in found}
        for start in range(0, len(found), AT_ONCE):
            await asyncio.gather(*(_replace(queue, message) for message in found[start : start + AT_ONCE]))


async def _replace(queue: QueueClient, message: Any) -> None:
    for _ in range(3):
        await queue.send_message(message.content)
    await queue.delete_message(message)


@asynccontextmanager
async def usage_queue(deck: Deck) -> AsyncGenerator[QueueClient]:
    async with deck.queues() as service, service.get_queue_client("usage") as queue:
        yield queue


@pytest.mark.parametrize("calls", [300, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_the_ledger_equals_what_the_model_served_although_every_usage_message_comes_three_times(
    tmp_path: Path, own_azurite: Azurite, upstream: ScriptedUpstream, calls: int
) -> None:
    settings, since = priced(upstream), int(time.time())
    script(upstream, calls)
    async with running(tmp_path, own_azurite, upstream, settings | NOT_RECORDED) as deck, usage_queue(deck) as queue:
        await mixed(deck.client(), calls)
        entries = list(upstream.journal.entries)
        await eventually(lambda: _all_ended(entries), bool)
        await eventually(lambda: waiting(queue), lambda count: count == len(entries))
    # The product has stopped, and so has written all that it had to write.
    async with QueueClient.from_connection_string(own_azurite.connection_string, "usage") as queue:
        await triple(queue, len(entries))
        assert await waiting(queue) == 3 * len(entries)
    async with running(tmp_path, own_azurite, upstream, settings) as deck, usage_queue(deck) as queue:
        await eventually(lambda: waiting(queue), lambda count: count == 0, timeout_s=60 + calls / 10)
        faults = Counter(entry.fault or entry.status for entry in entries)
        assert {200, 500, "cut", "stall"} <= faults.keys(), f"not every kind of call was made: {faults}"
        assert await ledger(deck, since) == served(entries)


async def _all_ended(entries: Sequence[Entry]) -> bool:
    return all(entry.finished for entry in entries)


@pytest.mark.soak
async def test_calls_whose_worker_is_killed_are_counted_once_each_by_what_was_reserved_for_them(
    tmp_path: Path, own_azurite: Azurite, upstream: ScriptedUpstream
) -> None:
    settings, since = priced(upstream) | {"FLIGHTDECK_DEADLINE_S": str(DEADLINE_S)}, int(time.time())
    script(upstream, 100)
    killed = 5
    async with running(tmp_path, own_azurite, upstream, settings) as deck, usage_queue(deck) as queue:
        client = deck.client()
        await mixed(client, 100)
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
        await mixed(client, 100)
        entries = list(upstream.journal.entries)
        patience_s = DEADLINE_S + GRACE_S + 60
        await eventually(lambda: ledger(deck, since), lambda found: found[0] == len(entries), timeout_s=patience_s)
        assert before[0] < len(entries) - killed
        await eventually(lambda: waiting(queue), lambda count: count == 0)
        requests, given, made, _ = await ledger(deck, since)
        sent, prompts, answered, _ = served(entries)
    assert requests == sent
    assert made == answered + killed * (RESERVED - 3), "the killed ones are not counted as reserved"
    assert given >= prompts
