"""The stores that FLIGHTDECK_STORE names."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from shared.adapters.entra import Identity
from shared.ports.audit import AuditRecord
from shared.ports.cache import AnswerCache, EmbeddingCache
from shared.ports.chunks import Chunks
from shared.ports.completions import CompletionRecord
from shared.ports.conversations import ConversationItems, ConversationRecord
from shared.ports.embedding_model import EmbeddingModel
from shared.ports.erasure import ErasureRecord, TenantData
from shared.ports.exports import ExportRecord
from shared.ports.keys import KeyIndex, KeyRecord
from shared.ports.limits import Rates
from shared.ports.policies import PolicyRecord
from shared.ports.receipts import Receipts
from shared.ports.records import (
    CursorRecord,
    DocumentRecord,
    FileBatchRecord,
    FileRecord,
    FolderRecord,
    IndexRecord,
    Records,
    TenantRecord,
    UploadPartRecord,
    UploadRecord,
    VectorStoreRecord,
)
from shared.ports.responses import ResponseRecord
from shared.ports.sizes import SizedRecords, StoredBytes
from shared.ports.usage import UsageLedger


@dataclass(frozen=True, slots=True)
class Stores:
    files: SizedRecords[FileRecord]
    uploads: Records[UploadRecord]
    upload_parts: SizedRecords[UploadPartRecord]
    stored_bytes: StoredBytes
    vector_stores: Records[VectorStoreRecord]
    file_batches: Records[FileBatchRecord]
    folders: Records[FolderRecord]
    documents: Records[DocumentRecord]
    tenants: Records[TenantRecord]
    cursors: Records[CursorRecord]
    indexes: Records[IndexRecord]
    conversations: Records[ConversationRecord]
    conversation_items: ConversationItems
    completions: Records[CompletionRecord]
    keys: Records[KeyRecord]
    key_index: KeyIndex
    audit: Records[AuditRecord]
    policies: Records[PolicyRecord]
    responses: Records[ResponseRecord]
    erasures: Records[ErasureRecord]
    exports: Records[ExportRecord]
    tenant_data: TenantData
    open_chunks: Callable[[EmbeddingModel, str], Chunks]
    """The chunks of an embedding model in the index of that name; the first index has none."""
    embeddings: EmbeddingCache
    answers: AnswerCache
    receipts: Receipts
    ledger: UsageLedger
    rates: Rates
    close: Callable[[], Awaitable[None]]


def open_stores(location: str, identity: Identity) -> Stores:
    """`sqlite:///path`, three slashes before a relative path and four before an absolute one; or
    `cosmos:https://account…`, whose path may name the database. An adapter's own packages load on first use."""
    if location.startswith("cosmos:"):
        return _open_cosmos(location, identity)
    return _open_sqlite(location)


def _open_cosmos(location: str, identity: Identity) -> Stores:
    from shared.adapters.cosmos.account import CosmosAccount
    from shared.adapters.cosmos.answers import CosmosAnswerCache
    from shared.adapters.cosmos.cache import CosmosEmbeddingCache
    from shared.adapters.cosmos.chunks import CosmosChunks
    from shared.adapters.cosmos.containers import CHUNKS
    from shared.adapters.cosmos.conversations import CosmosConversationItems
    from shared.adapters.cosmos.keys import CosmosKeyIndex
    from shared.adapters.cosmos.purge import CosmosTenantData
    from shared.adapters.cosmos.rates import CosmosRates
    from shared.adapters.cosmos.receipts import CosmosReceipts
    from shared.adapters.cosmos.records import CosmosRecords
    from shared.adapters.cosmos.sizes import CosmosSizedRecords, CosmosStoredBytes
    from shared.adapters.cosmos.usage import CosmosUsageLedger

    account = CosmosAccount.at(location, identity)

    def open_chunks(model: EmbeddingModel, index: str) -> Chunks:
        container = f"{CHUNKS}-{index}" if index else CHUNKS
        return CosmosChunks(account, dimensions=model.dimensions, embedding_model=model.name, container=container)

    return Stores(
        files=CosmosSizedRecords(account, FileRecord),
        uploads=CosmosRecords(account, UploadRecord),
        upload_parts=CosmosSizedRecords(account, UploadPartRecord),
        stored_bytes=CosmosStoredBytes(account),
        vector_stores=CosmosRecords(account, VectorStoreRecord),
        file_batches=CosmosRecords(account, FileBatchRecord),
        folders=CosmosRecords(account, FolderRecord),
        documents=CosmosRecords(account, DocumentRecord),
        tenants=CosmosRecords(account, TenantRecord),
        cursors=CosmosRecords(account, CursorRecord),
        indexes=CosmosRecords(account, IndexRecord),
        conversations=CosmosRecords(account, ConversationRecord),
        conversation_items=CosmosConversationItems(account),
        completions=CosmosRecords(account, CompletionRecord),
        keys=CosmosRecords(account, KeyRecord),
        key_index=CosmosKeyIndex(account),
        audit=CosmosRecords(account, AuditRecord),
        policies=CosmosRecords(account, PolicyRecord),
        responses=CosmosRecords(account, ResponseRecord),
        erasures=CosmosRecords(account, ErasureRecord),
        exports=CosmosRecords(account, ExportRecord),
        tenant_data=CosmosTenantData(account),
        open_chunks=open_chunks,
        embeddings=CosmosEmbeddingCache(account),
        answers=CosmosAnswerCache(account),
        receipts=CosmosReceipts(account),
        ledger=CosmosUsageLedger(account),
        rates=CosmosRates(account),
        close=account.close,
    )


def _open_sqlite(location: str) -> Stores:
    from shared.adapters.sqlite.answers import SqliteAnswerCache
    from shared.adapters.sqlite.cache import SqliteEmbeddingCache
    from shared.adapters.sqlite.chunks import SqliteChunks
    from shared.adapters.sqlite.connection import SqliteDatabase
    from shared.adapters.sqlite.conversations import SqliteConversationItems
    from shared.adapters.sqlite.keys import SqliteKeyIndex
    from shared.adapters.sqlite.purge import SqliteTenantData
    from shared.adapters.sqlite.rates import SqliteRates
    from shared.adapters.sqlite.receipts import SqliteReceipts
    from shared.adapters.sqlite.records import SqliteRecords
    from shared.adapters.sqlite.sizes import SqliteSizedRecords, SqliteStoredBytes
    from shared.adapters.sqlite.usage import SqliteUsageLedger
    from shared.adapters.system import SystemClock

    path = Path(location.removeprefix("sqlite:///"))
    database = SqliteDatabase(path)
    beside: list[SqliteDatabase] = []

    def open_chunks(model: EmbeddingModel, index: str) -> Chunks:
        where = database
        if index:
            where = SqliteDatabase(path.with_name(f"{path.stem}.{index}{path.suffix}"))
            beside.append(where)
        return SqliteChunks(where, dimensions=model.dimensions, embedding_model=model.name)

    async def close() -> None:
        for opened in (database, *beside):
            await opened.close()

    return Stores(
        files=SqliteSizedRecords(database, FileRecord),
        uploads=SqliteRecords(database, UploadRecord),
        upload_parts=SqliteSizedRecords(database, UploadPartRecord),
        stored_bytes=SqliteStoredBytes(database),
        vector_stores=SqliteRecords(database, VectorStoreRecord),
        file_batches=SqliteRecords(database, FileBatchRecord),
        folders=SqliteRecords(database, FolderRecord),
        documents=SqliteRecords(database, DocumentRecord),
        tenants=SqliteRecords(database, TenantRecord),
        cursors=SqliteRecords(database, CursorRecord),
        indexes=SqliteRecords(database, IndexRecord),
        conversations=SqliteRecords(database, ConversationRecord),
        conversation_items=SqliteConversationItems(database),
        completions=SqliteRecords(database, CompletionRecord),
        keys=SqliteRecords(database, KeyRecord),
        key_index=SqliteKeyIndex(database),
        audit=SqliteRecords(database, AuditRecord),
        policies=SqliteRecords(database, PolicyRecord),
        responses=SqliteRecords(database, ResponseRecord),
        erasures=SqliteRecords(database, ErasureRecord),
        exports=SqliteRecords(database, ExportRecord),
        tenant_data=SqliteTenantData(database),
        open_chunks=open_chunks,
        embeddings=SqliteEmbeddingCache(database, SystemClock()),
        answers=SqliteAnswerCache(database, SystemClock()),
        receipts=SqliteReceipts(database, SystemClock()),
        ledger=SqliteUsageLedger(database),
        rates=SqliteRates(database, SystemClock()),
        close=close,
    )
