"""Every token metered exactly once: the usage API against what clients saw and what the model served."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from azure.storage.queue.aio import QueueClient

from local.azurite import Azurite
from tests.scenarios.deck import Deck, eventually, running
from tests.upstream import ScriptedUpstream, Step

MESSAGES = [{"role": "user", "content": "Count these words please."}]


@pytest_asyncio.fixture(loop_scope="session")
async def fresh(
    tmp_path_factory: pytest.TempPathFactory, own_azurite: Azurite, upstream: ScriptedUpstream
) -> AsyncIterator[Deck]:
    """A product of its own, so that its ledger holds this test's calls and no other's."""
    upstream.steps.reset()
    upstream.journal.reset()
    async with running(tmp_path_factory.mktemp("usage"), own_azurite, upstream) as deck:
        yield deck


async def usage(deck: Deck, operation: str, tenant: str = "acme", **query: str) -> list[dict[str, Any]]:
    """All results of the last hour, by model."""
    start = int(time.time()) - 3600
    params = {"start_time": str(start), "bucket_width": "1h", "group_by[]": "model", **query}
    async with deck.http(tenant) as http:
        answer = await http.get(f"/v1/organization/usage/{operation}", params=params)
    assert answer.status_code == 200, answer.text
    return [result for bucket in answer.json()["data"] for result in bucket["results"]]


def totals(results: list[dict[str, Any]]) -> tuple[int, int, int]:
    """Requests, input and output tokens."""
    return (
        sum(result["num_model_requests"] for result in results),
        sum(result["input_tokens"] for result in results),
        sum(result.get("output_tokens", 0) for result in results),
    )


async def test_the_totals_equal_what_the_clients_saw(fresh: Deck) -> None:
    client = fresh.client()
    seen = [0, 0]
    for _ in range(5):
        answer = await client.chat.completions.create(model="chat", messages=MESSAGES)
        seen[0] += answer.usage.prompt_tokens
        seen[1] += answer.usage.completion_tokens
        stream = await client.chat.completions.create(
            model="chat", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        async for chunk in stream:
            if chunk.usage:
                seen[0] += chunk.usage.prompt_tokens
                seen[1] += chunk.usage.completion_tokens
    embedded = 0
    for _ in range(3):
        embedded += (await client.embeddings.create(model="embedding", input="some words here")).usage.prompt_tokens

    async def look() -> tuple[Any, Any]:
        return totals(await usage(fresh, "completions")), totals(await usage(fresh, "embeddings"))

    await eventually(look, lambda found: found == ((10, *seen), (3, embedded, 0)))
    assert await usage(fresh, "completions", tenant="other") == []


async def test_usage_messages_that_are_delivered_three_times_are_counted_once(
    tmp_path: Path, own_azurite: Azurite, upstream: ScriptedUpstream
) -> None:
    upstream.steps.reset()
    used = 0
    async with running(tmp_path, own_azurite, upstream, {"AzureWebJobs.record_usage.Disabled": "true"}) as deck:
        client = deck.client()
        for _ in range(4):
            used += (await client.chat.completions.create(model="chat", messages=MESSAGES)).usage.total_tokens
        async with deck.queues() as service:
            queue = service.get_queue_client("usage")
            await eventually(lambda: _settled(queue), lambda count: count == 4)
            await _triple(queue)
            assert await _settled(queue) == 12
    async with running(tmp_path, own_azurite, upstream) as deck, deck.queues() as service:
        queue = service.get_queue_client("usage")
        await eventually(lambda: _settled(queue), lambda count: count == 0)

        async def look() -> tuple[int, int]:
            requests, given, made = totals(await usage(deck, "completions"))
            return requests, given + made

        await eventually(look, lambda found: found == (4, used))


async def _settled(queue: QueueClient) -> int:
    return len(await queue.peek_messages(max_messages=32))


async def _triple(queue: QueueClient) -> None:
    messages = [message async for message in queue.receive_messages(max_messages=32)]
    for message in messages:
        for _ in range(3):
            await queue.send_message(message.content)
        await queue.delete_message(message)


async def test_a_call_whose_client_left_is_metered_for_what_it_got(fresh: Deck) -> None:
    fresh.upstream.script("chat", Step(chunk_count=200, chunk_delay_s=0.05))
    stream = await fresh.client().chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    arrived = 0
    async for chunk in stream:
        arrived += bool(chunk.choices[0].delta.content)
        if arrived == 3:
            break
    await stream.close()

    async def look() -> tuple[int, int, int]:
        return totals(await usage(fresh, "completions"))

    _, given, made = await eventually(look, lambda found: found[0] == 1)
    assert given > 0
    assert 3 <= made < 200
