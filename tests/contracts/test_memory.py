"""What the adapters in memory add for tests of services: a reader's side for queues, moved by a clock."""

import pytest

from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.queues import MemoryQueues
from shared.errors import InvalidRequestError, NotFoundError


async def test_a_delay_ends_when_the_clock_says_so_and_counts_whole_seconds() -> None:
    clock = ManualClock()
    queues = MemoryQueues(clock)
    await queues.put("documents", b"x", delay_s=0.5)
    clock.advance(0.75)
    assert await queues.take("documents") == []
    clock.advance(0.25)
    assert [message.body for message in await queues.take("documents")] == [b"x"]


async def test_a_message_that_was_not_deleted_comes_back_and_counts_its_deliveries() -> None:
    clock = ManualClock()
    queues = MemoryQueues(clock)
    await queues.put("documents", b"x")
    await queues.take("documents", hide_s=30)
    assert await queues.take("documents") == []
    clock.advance(30)
    (again,) = await queues.take("documents")
    assert again.deliveries == 2
    await queues.delete("documents", again.receipt)
    assert queues.waiting("documents") == []


async def test_only_the_last_taker_may_delete() -> None:
    queues = MemoryQueues(ManualClock())
    put = await queues.put("usage", b"x")
    await queues.take("usage")
    with pytest.raises(NotFoundError):
        await queues.delete("usage", put)
    assert len(queues.waiting("usage")) == 1


@pytest.mark.parametrize("delay_s", [-1, 7 * 86400 + 1])
async def test_a_delay_outside_of_seven_days_is_refused(delay_s: float) -> None:
    with pytest.raises(InvalidRequestError):
        await MemoryQueues(ManualClock()).put("usage", b"", delay_s=delay_s)
