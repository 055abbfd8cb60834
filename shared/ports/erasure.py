"""Erasing a tenant: how far it is, the steps that do it, and who has to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class ErasureRecord:
    """That a tenant is, or was, erased: it stays, so that nothing can bring the tenant back.

    `id` is the tenant's pseudonym; `name` its name, until there is nothing left to look for by it. A pass goes through
    all steps; `found` is what this one has erased so far. Work waits until `not_before`.
    """

    id: str
    name: str
    requested_at: datetime
    tenant: str = "_system"
    state: Literal["running", "failed", "done"] = "running"
    step: str = ""
    position: str | None = None
    not_before: datetime | None = None
    passes: int = 0
    found: int = 0
    erased: Mapping[str, int] = field(default_factory=dict[str, int])
    finished_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A tenant that is being erased, and the name under which stays what has to be kept."""

    tenant: str
    pseudonym: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of a step erased, and where the next goes on; None when the step is done."""

    erased: int
    position: str | None


class Step(Protocol):
    """A kind of thing that a tenant has. Every turn is short, and may be repeated, also by two at once."""

    async def turn(self, leaving: Leaving, position: str | None) -> Turn: ...


class Erasures(Protocol):
    async def pseudonym(self, tenant: str) -> str | None:
        """That of a tenant which is being or was erased, not long ago while the store answers; else None."""
        ...


class TenantData(Protocol):
    async def purge(self, tenant: str, *, limit: int) -> int:
        """Delete so many of a tenant's records at most, of whatever types, also those that only another release knows.
        Return how many; 0 when nothing is left. Raise CapacityError."""
        ...
