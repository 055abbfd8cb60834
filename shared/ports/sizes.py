"""Records that stand for bytes in storage, and how many bytes those of a tenant have together."""

from typing import Protocol

from shared.errors import QuotaError
from shared.ports.records import FileRecord, Records, Stored, UploadPartRecord


class SizedRecords[T: FileRecord | UploadPartRecord](Records[T], Protocol):
    """Records of which every write moves the tenant's sum with it: both happen, or neither."""

    async def create(self, value: T, *, most_bytes: int | None = None) -> Stored[T]:
        """Raise ConflictError when the id is taken, QuotaError when the tenant's sum would pass `most_bytes`."""
        ...


class StoredBytes(Protocol):
    async def used(self, tenant: str) -> int:
        """The `size_bytes` of all the tenant's sized records. Raise CapacityError."""
        ...


def full(size_bytes: int, *, used_bytes: int, most_bytes: int) -> QuotaError:
    """What a tenant is told who has no room for so many more bytes."""
    return QuotaError(
        f"You exceeded your storage quota: {used_bytes} of {most_bytes} bytes are used, and this takes {size_bytes}"
        " more. Delete files, or ask the operator to raise the quota."
    )
