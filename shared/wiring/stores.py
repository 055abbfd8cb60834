"""The stores that FLIGHTDECK_STORE names."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from shared.ports.chunks import Chunks
from shared.ports.records import DocumentRecord, FileRecord, FolderRecord, Records, VectorStoreRecord
from shared.ports.usage import UsageLedger


@dataclass(frozen=True, slots=True)
class Stores:
    files: Records[FileRecord]
    vector_stores: Records[VectorStoreRecord]
    folders: Records[FolderRecord]
    documents: Records[DocumentRecord]
    chunks: Chunks
    ledger: UsageLedger
    close: Callable[[], Awaitable[None]]


def open_stores(location: str, embedding_model: str, dimensions: int) -> Stores:
    """`sqlite:///path`, three slashes before a relative path and four before an absolute one."""
    from shared.adapters.sqlite.chunks import SqliteChunks
    from shared.adapters.sqlite.connection import SqliteDatabase
    from shared.adapters.sqlite.records import SqliteRecords
    from shared.adapters.sqlite.usage import SqliteUsageLedger

    database = SqliteDatabase(Path(location.removeprefix("sqlite:///")))
    return Stores(
        files=SqliteRecords(database, FileRecord),
        vector_stores=SqliteRecords(database, VectorStoreRecord),
        folders=SqliteRecords(database, FolderRecord),
        documents=SqliteRecords(database, DocumentRecord),
        chunks=SqliteChunks(database, dimensions=dimensions, embedding_model=embedding_model),
        ledger=SqliteUsageLedger(database),
        close=database.close,
    )
