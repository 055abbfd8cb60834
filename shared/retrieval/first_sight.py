"""Records that are made when they are first needed, by whoever comes first."""

from dataclasses import dataclass, replace

from shared.errors import ConflictError, NotFoundError, OverloadedError, PreconditionFailedError
from shared.ports.blobs import DOCUMENTS
from shared.ports.clock import Clock
from shared.ports.records import DocumentRecord, FileRecord, Record, Records, Stored, document_id

_ROUNDS = 8


async def ensure[T: Record](records: Records[T], fresh: T) -> Stored[T]:
    """The record of that id: `fresh`, if there was none."""
    for _ in range(_ROUNDS):
        try:
            return await records.get(fresh.tenant, fresh.id)
        except NotFoundError:
            pass
        try:
            return await records.create(fresh)
        except ConflictError:
            continue
    raise OverloadedError(f"{fresh.id!r} keeps being made and deleted.", retry_after_s=1)


async def exists[T: Record](records: Records[T], tenant: str, record_id: str) -> bool:
    try:
        await records.get(tenant, record_id)
    except NotFoundError:
        return False
    return True


def new_document(store_id: str, file: FileRecord, clock: Clock) -> DocumentRecord:
    return DocumentRecord(
        id=document_id(store_id, file.id),
        tenant=file.tenant,
        store_id=store_id,
        file_id=file.id,
        filename=file.filename,
        container=file.container,
        blob_name=file.blob_name,
        created_at=clock.now(),
    )


@dataclass(frozen=True, slots=True)
class DroppedFiles:
    """A dropped blob is a file to the API for as long as the blob is there."""

    files: Records[FileRecord]
    clock: Clock

    async def keep(self, document: DocumentRecord, size_bytes: int) -> None:
        """Raise PreconditionFailedError when somebody else has just written or deleted it."""
        if document.container != DOCUMENTS:
            return
        file = FileRecord(
            id=document.file_id,
            tenant=document.tenant,
            filename=document.filename,
            purpose="assistants",
            size_bytes=size_bytes,
            created_at=self.clock.now(),
            container=DOCUMENTS,
            blob_name=document.blob_name,
        )
        stored = await ensure(self.files, file)
        if stored.value.size_bytes == size_bytes:
            return
        try:
            await self.files.replace(replace(stored.value, size_bytes=size_bytes), if_match=stored.etag)
        except NotFoundError as error:
            raise PreconditionFailedError(f"File {file.id!r} has gone meanwhile.") from error

    async def forget(self, document: DocumentRecord) -> None:
        if document.container != DOCUMENTS:
            return
        try:
            await self.files.delete(document.tenant, document.file_id)
        except NotFoundError:
            return
