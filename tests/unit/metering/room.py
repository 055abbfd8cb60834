"""A queue in memory that can be slow or down, for what happens to a real one once in a while."""

import asyncio

from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.queues import MemoryQueues
from shared.errors import CapacityError
from shared.ports.queues import QueueName, Receipt
from shared.wire.usage import UsageMessage, parse_usage

FOREVER_S = 8 * 86400


class Room:
    """`failing` calls raise `error`; a negative number means all of them. `gate` holds every call until it is set."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.queues = MemoryQueues(clock)
        self.failing = 0
        self.error: Exception = CapacityError("The queue is down.")
        self.gate = asyncio.Event()
        self.gate.set()
        self.calls: list[str] = []
        self._rung = asyncio.Event()

    async def put(self, queue: QueueName, body: bytes, *, delay_s: float = 0) -> Receipt:
        await self._admit("put")
        return await self.queues.put(queue, body, delay_s=delay_s)

    async def update(self, queue: QueueName, receipt: Receipt, body: bytes, *, delay_s: float = 0) -> Receipt:
        await self._admit("update")
        return await self.queues.update(queue, receipt, body, delay_s=delay_s)

    async def _admit(self, call: str) -> None:
        self.calls.append(call)
        self._rung.set()
        await self.gate.wait()
        if self.failing:
            self.failing -= 1
            raise self.error

    async def called(self, times: int) -> None:
        """Wait until there were that many calls."""
        async with asyncio.timeout(10):
            while len(self.calls) < times:
                self._rung.clear()
                await self._rung.wait()

    async def take(self) -> list[UsageMessage]:
        """Take away what is visible."""
        taken = await self.queues.take("usage", limit=1000)
        for message in taken:
            await self.queues.delete("usage", message.receipt)
        return [parse_usage(message.body) for message in taken]

    async def surface(self) -> list[UsageMessage]:
        """Let every delay pass, and take everything."""
        self.clock.advance(FOREVER_S)
        return await self.take()

    def hidden(self) -> int:
        """How many messages are there that nobody has taken."""
        return len(self.queues.waiting("usage"))
