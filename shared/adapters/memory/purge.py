"""Records of any types in dictionaries, deleted by their tenant."""

from collections.abc import Sequence

from shared.adapters.memory.records import Rows
from shared.adapters.memory.sizes import MemoryStoredBytes


class MemoryTenantData:
    """Implements `TenantData` over the rows of every type."""

    def __init__(self, tables: Sequence[Rows], stored: MemoryStoredBytes) -> None:
        self._tables = tables
        self._stored = stored

    async def purge(self, tenant: str, *, limit: int) -> int:
        found = [(table, place) for table in self._tables for place in table if place[0] == tenant][:limit]
        for table, place in found:
            del table[place]
        if len(found) < limit:
            del self._stored.sums[tenant]
        return len(found)
