"""Values that the contract tests of stores put in."""

from datetime import UTC, datetime
from typing import Any

from shared.ports.chunks import Chunk
from shared.ports.records import DocumentRecord, FileRecord
from shared.ports.usage import UsageEvent

AT = datetime(2026, 3, 4, 10, 30, 15, 123456, tzinfo=UTC)
DIMENSIONS = 4
X, Y, Z = (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)


def file_record(record_id: str, *, tenant: str = "t", **fields: Any) -> FileRecord:
    values = {"filename": "a.pdf", "purpose": "assistants", "size_bytes": 1, "container": "files", "blob_name": "b"}
    return FileRecord(id=record_id, tenant=tenant, created_at=AT, **values | fields)


def document_record(record_id: str, *, tenant: str = "t", **fields: Any) -> DocumentRecord:
    values = {"store_id": "s", "file_id": "f", "filename": "a.pdf", "container": "files", "blob_name": "b"}
    return DocumentRecord(id=record_id, tenant=tenant, created_at=AT, **values | fields)


def chunk(chunk_id: str, text: str = "some words", **fields: Any) -> Chunk:
    values = {
        "tenant": "t",
        "store_id": "s",
        "document_id": "d",
        "file_id": "f",
        "filename": "a.pdf",
        "generation": 1,
        "ordinal": 0,
        "embedding": X,
        "tokens": 2,
        "char_start": 0,
        "char_end": len(text),
    }
    return Chunk(id=chunk_id, text=text, **values | fields)


def event(event_id: str, *, at: datetime = AT, **fields: Any) -> UsageEvent:
    values = {
        "tenant": "t",
        "key_id": "k",
        "model": "m",
        "deployment": "d",
        "operation": "completions",
        "source": "api",
        "status": 200,
        "input_tokens": 7,
        "output_tokens": 5,
        "cached_tokens": 3,
        "reasoning_tokens": 2,
        "cost_microusd": 11,
        "estimated": False,
        "ttft_ms": 20,
        "duration_ms": 40,
    }
    return UsageEvent(id=event_id, at=at, **values | fields)
