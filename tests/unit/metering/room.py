"""A queue that fails as told and whose time is moved by hand, for what a real one does only once in a while."""

import asyncio
from dataclasses import dataclass, field

from shared.errors import CapacityError, NotFoundError, PlatformError
from shared.ports.queues import QueueName, Receipt
from shared.wire.usage import UsageMessage, parse_usage


@dataclass(slots=True)
class _Message:
    body: bytes
    hidden_s: float
    receipt: str


@dataclass(slots=True)
class Room:
    """`failing` calls raise; a negative number means all of them. `gate` holds every call until it is set."""

    failing: int = 0
    error: Exception = field(default_factory=lambda: CapacityError("The queue is down."))
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    calls: list[str] = field(default_factory=list[str])
    delays_s: list[float] = field(default_factory=list[float])
    messages: dict[str, _Message] = field(default_factory=dict[str, _Message])

    rung: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def called(self, times: int) -> None:
        """Wait until there were that many calls."""
        async with asyncio.timeout(10):
            while len(self.calls) < times:
                self.rung.clear()
                await self.rung.wait()

    async def put(self, queue: QueueName, body: bytes, *, delay_s: float = 0) -> Receipt:
        await self._admit(f"put {queue}", delay_s)
        name = f"m{len(self.calls)}"
        self.messages[name] = _Message(body, delay_s, receipt=name)
        return Receipt(name, name)

    async def update(self, queue: QueueName, receipt: Receipt, body: bytes, *, delay_s: float = 0) -> Receipt:
        await self._admit(f"update {queue}", delay_s)
        message = self.messages.get(receipt.message_id)
        if message is None or message.receipt != receipt.pop_receipt:
            raise NotFoundError("No such message.")
        message.body, message.hidden_s, message.receipt = body, delay_s, f"r{len(self.calls)}"
        return Receipt(receipt.message_id, message.receipt)

    async def _admit(self, call: str, delay_s: float) -> None:
        self.calls.append(call)
        self.delays_s.append(delay_s)
        self.rung.set()
        await self.gate.wait()
        if self.failing:
            self.failing -= 1
            raise self.error

    def surface(self) -> list[UsageMessage]:
        """Let all delays pass, and take everything."""
        for message in self.messages.values():
            message.hidden_s = 0
        return self.take()

    def take(self) -> list[UsageMessage]:
        """Take what is visible."""
        visible = [name for name, message in self.messages.items() if message.hidden_s == 0]
        return [parse_usage(self.messages.pop(name).body) for name in visible]


def refusal() -> PlatformError:
    return PlatformError("The queue refused.")
