"""Our records as the objects that OpenAI's clients know."""

from collections.abc import Iterable, Sequence

from shared.ports.records import Chunking, DocumentRecord, DocumentState, FileRecord, LastError, VectorStoreRecord
from shared.retrieval.inputs import shown
from shared.retrieval.lifetimes import active_at, expires_at
from shared.wire.files import FileObject
from shared.wire.lists import ListPage
from shared.wire.vector_stores import (
    AttachedFile,
    ExpiresAfter,
    FileCounts,
    FileError,
    FileErrorCode,
    FileStatus,
    OtherChunking,
    Progress,
    StaticChunking,
    StaticSize,
    VectorStoreObject,
)

STATUS: dict[DocumentState, FileStatus] = {
    "queued": "in_progress",
    "extracting": "in_progress",
    "embedding": "in_progress",
    "ready": "completed",
    "failed": "failed",
    "needs_ocr": "failed",
    "empty": "failed",
    "deleted": "cancelled",
}

_ERROR_CODES: dict[str, FileErrorCode] = {
    "unsupported_file": "unsupported_file",
    "invalid_file": "invalid_file",
    "needs_ocr": "unsupported_file",
    "empty": "invalid_file",
}
"""OpenAI has three words; which document needs OCR and which is empty, the message tells."""


def file_object(record: FileRecord) -> FileObject:
    return FileObject(
        id=record.id,
        bytes=record.size_bytes,
        created_at=int(record.created_at.timestamp()),
        expires_at=None if record.expires_at is None else int(record.expires_at.timestamp()),
        filename=record.filename,
        purpose=record.purpose,
    )


def store_object(
    record: VectorStoreRecord, documents: Iterable[DocumentRecord], *, expired: bool = False
) -> VectorStoreObject:
    """`documents` are those of the store; what is deleted among them is not counted."""
    present = [document for document in documents if document.state != "deleted"]
    counts = file_counts(present)
    over, days = expires_at(record), record.expires_days
    return VectorStoreObject(
        id=record.id,
        created_at=int(record.created_at.timestamp()),
        last_active_at=int(active_at(record).timestamp()),
        expires_after=None if days is None else ExpiresAfter(days=days),
        expires_at=None if over is None else int(over.timestamp()),
        name=record.name,
        description=record.description or None,
        usage_bytes=sum(document.usage_bytes for document in present),
        file_counts=counts,
        status="expired" if expired else "in_progress" if counts.in_progress else "completed",
        metadata=dict(record.metadata),
    )


def file_counts(documents: Sequence[DocumentRecord]) -> FileCounts:
    """`cancelled` are those that were taken out, where `documents` hold any."""
    statuses = [STATUS[document.state] for document in documents]
    fan_outs = [document.fan_out for document in documents if document.fan_out is not None]
    return FileCounts(
        in_progress=statuses.count("in_progress"),
        completed=statuses.count("completed"),
        failed=statuses.count("failed"),
        cancelled=statuses.count("cancelled"),
        total=len(statuses),
        parts=sum(fan_out.parts for fan_out in fan_outs),
        parts_done=sum(len(fan_out.done) for fan_out in fan_outs),
    )


def attached_file(document: DocumentRecord) -> AttachedFile:
    return AttachedFile(
        id=document.file_id,
        usage_bytes=document.usage_bytes,
        created_at=int(document.created_at.timestamp()),
        vector_store_id=document.store_id,
        filename=document.filename,
        status=STATUS[document.state],
        last_error=None if document.last_error is None else _file_error(document.last_error),
        attributes=shown(document),
        chunking_strategy=_chunking(document.chunking),
        progress=_progress(document),
    )


def _chunking(chunking: Chunking | None) -> OtherChunking | StaticChunking:
    if chunking is None:
        return OtherChunking()
    size = StaticSize(max_chunk_size_tokens=chunking.max_tokens, chunk_overlap_tokens=chunking.overlap_tokens)
    return StaticChunking(static=size)


def _progress(document: DocumentRecord) -> Progress:
    fan_out = document.fan_out
    return Progress(
        state=document.state,
        parts=fan_out.parts if fan_out else 0,
        parts_done=len(fan_out.done) if fan_out else 0,
        chunks=document.chunks,
        tokens=document.tokens,
        attempts=document.attempts,
        timings_ms=dict(document.timings_ms),
    )


def _file_error(error: LastError) -> FileError:
    return FileError(code=_ERROR_CODES.get(error.code, "server_error"), message=error.message)


def list_page[Item: FileObject | VectorStoreObject | AttachedFile](data: list[Item], has_more: bool) -> ListPage[Item]:
    return ListPage(
        data=data, first_id=data[0].id if data else None, last_id=data[-1].id if data else None, has_more=has_more
    )
