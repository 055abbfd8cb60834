"""Receipts in a dictionary."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.ports.clock import Clock
from shared.ports.receipts import Receipt, check_answer


@dataclass(frozen=True, slots=True)
class _Entry:
    claim: str
    receipt: Receipt
    until: datetime


class MemoryReceipts:
    """Implements `Receipts`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, str], _Entry] = {}

    async def claim(self, tenant: str, key: str, claim: str, fingerprint: str, *, ttl_s: int) -> Receipt | None:
        found = self._entries.get((tenant, key))
        if found is not None and found.until > self._clock.now():
            return found.receipt
        self._entries[tenant, key] = _Entry(claim, Receipt(fingerprint), self._until(ttl_s))
        return None

    async def settle(self, tenant: str, key: str, claim: str, answer: str, *, status: int, ttl_s: int) -> None:
        check_answer(answer)
        found = self._entries.get((tenant, key))
        if found is not None and found.claim == claim:
            receipt = replace(found.receipt, answer=answer, status=status)
            self._entries[tenant, key] = _Entry(claim, receipt, self._until(ttl_s))

    async def release(self, tenant: str, key: str, claim: str) -> None:
        found = self._entries.get((tenant, key))
        if found is not None and found.claim == claim:
            del self._entries[tenant, key]

    def _until(self, ttl_s: int) -> datetime:
        return self._clock.now() + timedelta(seconds=ttl_s)
