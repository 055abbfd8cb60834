"""From the queue into the ledger, and what becomes of a message that cannot get there."""

import hashlib
import io
import logging

from shared.ports.blobs import Blobs
from shared.ports.usage import UsageEvent, UsageLedger
from shared.wire.messages import ParkedMessage
from shared.wire.usage import UsageMessage

log = logging.getLogger(__name__)

POISON = "poison"
"""Container of messages that no retry could help: `usage/{hash of the body}.json`, as a `ParkedMessage`."""

_OF_MESSAGE = {"version", "kind", "deferrals", "traceparent"}


class UsageRecorder:
    def __init__(self, ledger: UsageLedger, blobs: Blobs) -> None:
        self._ledger = ledger
        self._blobs = blobs

    async def record(self, message: UsageMessage) -> bool:
        """Count the event once; False for one that was counted before. Raises what the ledger raises."""
        return await self._ledger.record(UsageEvent(**message.model_dump(exclude=_OF_MESSAGE)))

    async def keep(self, parked: ParkedMessage) -> str:
        """Keep a message that will not be counted as it is, and say so in the log. Return the blob's name.

        To count it after all, put the `body` of the blob on the `usage` queue again, once: the id protects the ledger.
        """
        name = f"usage/{hashlib.sha256(parked.body.encode()).hexdigest()[:32]}.json"
        log.error("usage_parked blob=%s code=%s reason=%s body=%s", name, parked.code, parked.reason, parked.body)
        copy = io.BytesIO(parked.model_dump_json().encode())
        await self._blobs.upload(POISON, name, copy, content_type="application/json")
        return name
