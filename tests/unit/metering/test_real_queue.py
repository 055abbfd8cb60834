"""The meter over real queue storage, read by Microsoft's own client."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from azure.storage.queue import BinaryBase64DecodePolicy
from azure.storage.queue.aio import QueueClient

from shared.adapters.memory.clock import ManualClock
from shared.adapters.storage.auth import API_VERSION, StorageAccount
from shared.adapters.storage.queues import StorageQueues
from shared.metering.meter import QueueMeter
from shared.ports.usage import Consumption
from shared.wire.usage import UsageMessage, parse_usage
from tests.contracts import azurite
from tests.unit.metering.conftest import attempt, event

USED = Consumption(200, input_tokens=90, output_tokens=40)


@pytest.fixture(scope="module")
def connection() -> Iterator[str]:
    with azurite.running() as connection:
        yield connection


@pytest.fixture
async def usage(connection: str) -> AsyncIterator[QueueClient]:
    """The usage queue from its reader's side, empty."""
    policy = BinaryBase64DecodePolicy()
    async with QueueClient.from_connection_string(
        connection, "usage", message_decode_policy=policy, api_version=API_VERSION
    ) as client:
        yield client
        await client.clear_messages()


@pytest.fixture
async def meter(connection: str, clock: ManualClock) -> AsyncIterator[QueueMeter]:
    """Three seconds of grace: what is not settled surfaces then, and is renewed half-way there."""
    queues = StorageQueues(StorageAccount.parse(connection))
    yield QueueMeter(queues, clock, {}, grace_s=3)
    await queues.close()


async def take(usage: QueueClient) -> list[UsageMessage]:
    return [parse_usage(message.content) async for message in usage.receive_messages(visibility_timeout=600)]


async def surfaced(usage: QueueClient) -> list[UsageMessage]:
    async with asyncio.timeout(20):
        while not (found := await take(usage)):
            await asyncio.sleep(0.05)
        return found


async def test_a_settled_attempt_is_visible_at_once_and_alone(meter: QueueMeter, usage: QueueClient) -> None:
    meter.reserve(attempt()).settle(USED)
    await meter.drain()
    (message,) = await take(usage)
    assert (message.status, message.input_tokens, message.estimated) == (200, 90, False)
    assert (await usage.get_queue_properties()).approximate_message_count == 1


async def test_a_crash_between_reserving_and_settling_surfaces_as_an_estimate(
    connection: str, usage: QueueClient, clock: ManualClock
) -> None:
    def crash() -> None:
        async def serve() -> None:
            queues = StorageQueues(StorageAccount.parse(connection))
            meter = QueueMeter(queues, clock, {}, grace_s=1)
            meter.reserve(attempt(deadline_s=0))
            await meter.drain()
            await queues.close()

        asyncio.run(serve())

    await asyncio.to_thread(crash)
    assert await take(usage) == []
    (message,) = await surfaced(usage)
    assert (message.status, message.input_tokens, message.estimated) == (0, 1000, True)


async def test_an_estimate_that_was_taken_is_followed_by_the_real_event_of_the_same_id(
    meter: QueueMeter, usage: QueueClient
) -> None:
    reservation = meter.reserve(attempt(deadline_s=200))
    await meter.drain()
    await usage.clear_messages()
    reservation.settle(USED)
    await meter.drain()
    (real,) = await take(usage)
    assert (real.id.startswith("usage_"), real.status) == (True, 200)


async def test_a_slow_call_stays_hidden_while_it_is_renewed(
    meter: QueueMeter, usage: QueueClient, connection: str
) -> None:
    slow = meter.reserve(attempt(deadline_s=0))
    await meter.drain()
    # A message with the same delay that nobody renews tells when the first would have surfaced.
    queues = StorageQueues(StorageAccount.parse(connection))
    await queues.put("usage", UsageMessage.model_validate(event("witness")).model_dump_json().encode(), delay_s=3)
    await queues.close()
    assert [message.id for message in await surfaced(usage)] == ["witness"]
    slow.settle(USED)
    await meter.drain()
    assert [message.status for message in await take(usage)] == [200]
