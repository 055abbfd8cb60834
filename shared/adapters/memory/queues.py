"""Queues in a list, moved by a clock: what a test put, and what a reader would be handed now."""

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import count

from shared.errors import InvalidRequestError, NotFoundError, TooLargeError
from shared.ports.clock import Clock
from shared.ports.queues import QueueName, Receipt

MAX_BODY_BYTES = 48 * 1024
_MAX_DELAY_S = 7 * 86400


@dataclass(frozen=True, slots=True)
class Message:
    """`visible_at` is on the clock's monotonic scale; `deliveries` counts how often it was taken."""

    receipt: Receipt
    body: bytes
    visible_at: float
    deliveries: int = 0


class MemoryQueues:
    """Implements `Queues`. `take` and `delete` are the reader's side, as the Functions host works it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._messages: defaultdict[QueueName, dict[str, Message]] = defaultdict(dict)

    async def put(self, queue: QueueName, body: bytes, *, delay_s: float = 0) -> Receipt:
        message = Message(self._receipt(f"message-{next(self._numbers)}"), _checked(body), self._after(delay_s))
        return self._keep(queue, message)

    async def update(self, queue: QueueName, receipt: Receipt, body: bytes, *, delay_s: float = 0) -> Receipt:
        visible_at = self._after(delay_s)
        message = self._find(queue, receipt)
        renewed = self._receipt(receipt.message_id)
        return self._keep(queue, replace(message, receipt=renewed, body=_checked(body), visible_at=visible_at))

    async def take(self, queue: QueueName, *, limit: int = 32, hide_s: float = 30) -> list[Message]:
        """Hand out what is visible, oldest first, and hide it for a while. Their old receipts are spent."""
        now = self._clock.monotonic()
        visible = [message for message in self._messages[queue].values() if message.visible_at <= now]
        taken = [
            replace(
                message,
                receipt=self._receipt(message.receipt.message_id),
                visible_at=self._after(hide_s),
                deliveries=message.deliveries + 1,
            )
            for message in visible[:limit]
        ]
        for message in taken:
            self._keep(queue, message)
        return taken

    async def delete(self, queue: QueueName, receipt: Receipt) -> None:
        """Raise NotFoundError when the message is gone or somebody else has taken it."""
        self._find(queue, receipt)
        del self._messages[queue][receipt.message_id]

    def waiting(self, queue: QueueName) -> list[Message]:
        """All messages, the hidden too, in the order they were put. Changes nothing."""
        return list(self._messages[queue].values())

    def _find(self, queue: QueueName, receipt: Receipt) -> Message:
        message = self._messages[queue].get(receipt.message_id)
        if message is None or message.receipt != receipt:
            raise NotFoundError(f"Message {receipt.message_id!r} of queue {queue!r} is gone or was taken.")
        return message

    def _keep(self, queue: QueueName, message: Message) -> Receipt:
        self._messages[queue][message.receipt.message_id] = message
        return message.receipt

    def _receipt(self, message_id: str) -> Receipt:
        return Receipt(message_id, f"receipt-{next(self._numbers)}")

    def _after(self, delay_s: float) -> float:
        if not 0 <= delay_s <= _MAX_DELAY_S:
            raise InvalidRequestError(f"A delay of {delay_s!r} s is not between none and seven days.", param="delay_s")
        return self._clock.monotonic() + math.ceil(delay_s)


def _checked(body: bytes) -> bytes:
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"A message of {len(body)} bytes; a queue takes at most {MAX_BODY_BYTES}.")
    return body
