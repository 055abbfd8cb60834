"""What was used: events, the ledger that counts each exactly once, and the meter that makes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Operation = Literal["completions", "embeddings"]
Source = Literal["api", "cache", "indexing", "retrieval"]
"""Who asked: a client, the indexing of a document, or the search for passages that ground an answer. `cache` is a
client's call that no deployment was asked for."""

UNSETTLED = 0
"""The status of an event whose attempt has not said what it came to: its tokens are those that were reserved."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to one deployment, as known before it is made."""

    tenant: str
    key_id: str | None
    model: str
    deployment: str
    operation: Operation
    source: Source
    reserved_input_tokens: int
    reserved_output_tokens: int
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Consumption:
    """What an attempt came to. `estimated` when the deployment did not say and we counted."""

    status: int
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    ttft_ms: int | None = None


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One upstream attempt. `id` is ours and unique; `at` is when it began; money in millionths of a US dollar."""

    id: str
    tenant: str
    key_id: str | None
    model: str
    deployment: str
    operation: Operation
    source: Source
    status: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_microusd: int
    estimated: bool
    ttft_ms: int | None
    duration_ms: int | None
    at: datetime


class Reservation(Protocol):
    def settle(self, consumption: Consumption) -> None:
        """Say what the attempt came to. Returns at once; the write goes on even if the caller is cancelled."""
        ...


class Meter(Protocol):
    def reserve(self, attempt: Attempt) -> Reservation:
        """Announce an attempt beside making it. Never blocks, never fails the call that it measures."""
        ...

    def count(self, attempt: Attempt, consumption: Consumption) -> None:
        """Say what has been used already, with nothing to announce. Returns at once, as `settle` does."""
        ...


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """Sums over one bucket `[start, start + width_s)` for one model, key and source."""

    start: datetime
    width_s: int
    operation: Operation
    source: Source
    model: str
    key_id: str | None
    requests: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_microusd: int


class UsageLedger(Protocol):
    async def record(self, event: UsageEvent) -> bool:
        """Count the event once, whatever happens: False when its id was counted before.

        An event that is settled takes the place of its own UNSETTLED estimate, and the sums follow: True.
        """
        ...

    async def totals(
        self, tenant: str, operation: Operation, *, start: datetime, end: datetime, width_s: Literal[60, 3600, 86400]
    ) -> Sequence[UsageTotal]:
        """Sums of the buckets that begin in `[start, end)`, aligned to UTC, oldest first; empty buckets are absent."""
        ...

    async def disown(self, tenant: str, pseudonym: str, *, month: datetime, limit: int) -> int:
        """Move so many of a month's events and sums at most to another name, without the keys that made them. Return
        how many; 0 when nothing is left. Each is counted once at every moment, or, while it is moved, under both."""
        ...
