"""From the queue into the ledger, and what becomes of a message that cannot get there."""

import hashlib
import io
import logging
from dataclasses import replace
from typing import Protocol

from shared.ports.blobs import Blobs
from shared.ports.erasure import Erasures
from shared.ports.usage import UsageEvent, UsageLedger
from shared.wire.messages import ParkedMessage
from shared.wire.usage import UsageMessage

log = logging.getLogger(__name__)

POISON = "poison"
"""Container of messages that no retry could help: `usage/{hash of the body}.json`, as a `ParkedMessage`."""

_OF_MESSAGE = {"version", "kind", "deferrals", "traceparent"}


class Register(Protocol):
    async def enter(self, tenant: str) -> None:
        """Note that there is such a tenant. Again is fine."""
        ...


class UsageRecorder:
    """Tenants are entered into the register, once a process, so that `reconcile_usage` finds who only chats, too."""

    def __init__(self, ledger: UsageLedger, blobs: Blobs, register: Register, erasures: Erasures) -> None:
        self._ledger = ledger
        self._blobs = blobs
        self._register = register
        self._erasures = erasures
        self._entered: set[str] = set()

    async def record(self, message: UsageMessage) -> bool:
        """Count the event once; False for one that was counted before. Raises what the ledger raises."""
        event = UsageEvent(**message.model_dump(exclude=_OF_MESSAGE))
        pseudonym = await self._erasures.pseudonym(event.tenant)
        if pseudonym is not None:
            return await self._ledger.record(replace(event, tenant=pseudonym, key_id=None))
        if event.tenant not in self._entered:
            await self._register.enter(event.tenant)
            self._entered.add(event.tenant)
        return await self._ledger.record(event)

    async def keep(self, parked: ParkedMessage) -> str:
        """Keep a message that will not be counted as it is, and say so in the log. Return the blob's name.

        To count it after all, put the `body` of the blob on the `usage` queue again, once: the id protects the ledger.
        """
        name = f"usage/{hashlib.sha256(parked.body.encode()).hexdigest()[:32]}.json"
        log.error("usage_parked blob=%s code=%s reason=%s body=%s", name, parked.code, parked.reason, parked.body)
        copy = io.BytesIO(parked.model_dump_json().encode())
        await self._blobs.upload(POISON, name, copy, content_type="application/json")
        return name
