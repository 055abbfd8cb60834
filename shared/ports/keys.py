"""Who is calling: API keys, what they stand for, and how one is found by its HMAC."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from shared.errors import PermissionDeniedError
from shared.wire.scopes import ORDINARY, Scope

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What one key may use in a minute, of all models together; None is no limit."""

    requests: int | None = None
    tokens: int | None = None


UNLIMITED = KeyLimits()


@dataclass(frozen=True, slots=True)
class Caller:
    """The tenant and the principals that a credential stands for. Nothing else may decide a tenant."""

    tenant: str
    key_id: str | None
    principals: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ORDINARY
    limits: KeyLimits = UNLIMITED

    def require(self, *scopes: Scope) -> None:
        """Raise PermissionDeniedError, which names those that the caller lacks."""
        if missing := [scope for scope in scopes if scope not in self.scopes]:
            raise PermissionDeniedError(
                f"You have insufficient permissions for this operation. Missing scopes: {', '.join(missing)}."
            )


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An API key as its tenant's partition of the records holds it: the one truth about it. The key itself is nowhere.

    `hmac` is the HMAC-SHA256 of the whole key under the pepper, in hex; `redacted` is what may be shown of it.
    """

    id: str
    hmac: str
    tenant: str
    principals: tuple[str, ...] = ()
    name: str = ""
    redacted: str = ""
    scopes: tuple[Scope, ...] = ORDINARY
    limits: KeyLimits = UNLIMITED
    created_at: datetime = LONG_AGO
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a key's record stands."""

    tenant: str
    key_id: str


class ApiKeys(Protocol):
    async def find(self, hmac: str) -> KeyRecord:
        """The key whose HMAC-SHA256 (hex) this is. Raise NotFoundError when there is none, CapacityError."""
        ...


class KeyIndex(Protocol):
    """Where the record of a key stands, by the key's HMAC: the one store that is asked before a tenant is known.

    Each HMAC is a partition of its own. An entry never changes. Raises CapacityError.
    """

    async def find(self, hmac: str) -> KeyPlace:
        """Raise NotFoundError when there is none."""
        ...

    async def put(self, hmac: str, place: KeyPlace) -> None:
        """Again is fine. Raise ConflictError when the HMAC stands for another key."""
        ...

    async def remove(self, hmac: str) -> None:
        """Fine when it is gone already."""
        ...
