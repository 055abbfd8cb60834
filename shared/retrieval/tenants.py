"""The registry of tenants, so that timers can go through them one partition at a time."""

from dataclasses import dataclass

from shared.ports.records import SYSTEM, Records, TenantRecord
from shared.retrieval.first_sight import ensure


@dataclass(frozen=True, slots=True)
class Tenants:
    records: Records[TenantRecord]

    async def enter(self, tenant: str) -> None:
        """Before the tenant's first vector store is made, and so before its first document. Again is fine."""
        await ensure(self.records, TenantRecord(tenant))

    async def after(self, tenant: str | None) -> str | None:
        """The tenant that comes next, by name; the first for None; None after the last."""
        page = await self.records.list(SYSTEM, order="asc", limit=1, after=tenant)
        return page.items[0].value.id if page.items else None
