"""Whether a tenant may keep so many more bytes, by its policy."""

from dataclasses import dataclass

from shared.ports.policies import Policies
from shared.ports.sizes import StoredBytes, full


@dataclass(frozen=True, slots=True)
class Room:
    policies: Policies
    stored: StoredBytes

    async def most(self, tenant: str, size_bytes: int) -> int | None:
        """The quota, None where there is none, for the write that will hold to it. Raise QuotaError before any byte is
        moved, when there is no room for so many as things stand."""
        most = (await self.policies.of(tenant)).storage_bytes
        if most is not None and (used := await self.stored.used(tenant)) + size_bytes > most:
            raise full(size_bytes, used_bytes=used, most_bytes=most)
        return most
