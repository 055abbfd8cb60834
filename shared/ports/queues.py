"""Queues: small messages that say "look at this again"."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

WorkQueue = Literal["documents", "document-parts", "usage", "responses", "erasures", "exports"]
QueueName = Literal[
    "documents",
    "document-parts",
    "usage",
    "responses",
    "erasures",
    "exports",
    "documents-poison",
    "document-parts-poison",
    "usage-poison",
    "responses-poison",
    "erasures-poison",
    "exports-poison",
]

POISON_QUEUES: Mapping[WorkQueue, QueueName] = {
    "documents": "documents-poison",
    "document-parts": "document-parts-poison",
    "usage": "usage-poison",
    "responses": "responses-poison",
    "erasures": "erasures-poison",
    "exports": "exports-poison",
}
"""Where the host moves what failed too often: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The right to change a message that was put and that nobody has taken since."""

    message_id: str
    pop_receipt: str


class Queues(Protocol):
    """Raises CapacityError when the service throttles or cannot be reached. Bodies are at most 48 KiB."""

    async def put(self, queue: QueueName, body: bytes, *, delay_s: float = 0) -> Receipt:
        """Add a message that becomes visible after the delay (whole seconds, at most seven days)."""
        ...

    async def update(self, queue: QueueName, receipt: Receipt, body: bytes, *, delay_s: float = 0) -> Receipt:
        """Change body and visibility. Raise NotFoundError when the message is gone or somebody has taken it."""
        ...
