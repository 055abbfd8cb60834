"""Sized records in a dictionary, with the sum of each tenant beside them."""

from collections import Counter

from shared.adapters.memory.records import MemoryRecords
from shared.ports.records import FileRecord, Stored, UploadPartRecord
from shared.ports.sizes import full


class MemoryStoredBytes:
    """Implements `StoredBytes`; records that share one are summed together."""

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()

    async def used(self, tenant: str) -> int:
        return self.sums[tenant]


class MemorySizedRecords[T: FileRecord | UploadPartRecord](MemoryRecords[T]):
    """Implements `SizedRecords`."""

    def __init__(self, record_type: type[T], stored: MemoryStoredBytes | None = None) -> None:
        super().__init__(record_type)
        self._sums = (stored or MemoryStoredBytes()).sums

    async def create(self, value: T, *, most_bytes: int | None = None) -> Stored[T]:
        used = self._sums[value.tenant]
        if most_bytes is not None and used + value.size_bytes > most_bytes:
            raise full(value.size_bytes, used_bytes=used, most_bytes=most_bytes)
        created = await super().create(value)
        self._sums[value.tenant] += value.size_bytes
        return created

    async def replace(self, value: T, *, if_match: str) -> Stored[T]:
        before = self._find(value.tenant, value.id).value.size_bytes
        replaced = await super().replace(value, if_match=if_match)
        self._sums[value.tenant] += value.size_bytes - before
        return replaced

    async def delete(self, tenant: str, record_id: str, *, if_match: str | None = None) -> None:
        before = self._find(tenant, record_id).value.size_bytes
        await super().delete(tenant, record_id, if_match=if_match)
        self._sums[tenant] -= before
