"""Who is calling: API keys and what they stand for."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Caller:
    """The tenant and the principals that a credential stands for. Nothing else may decide a tenant."""

    tenant: str
    key_id: str | None
    principals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    hmac: str
    tenant: str
    principals: tuple[str, ...] = ()


class ApiKeys(Protocol):
    async def find(self, hmac: str) -> ApiKey:
        """The key whose HMAC-SHA256 (hex) this is. Raise NotFoundError when there is none."""
        ...
