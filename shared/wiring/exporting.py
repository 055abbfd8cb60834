"""What goes into an export of a tenant, in its order."""

from shared.ports.audit import AuditRecord
from shared.ports.clock import Clock
from shared.ports.completions import CompletionRecord
from shared.ports.conversations import ConversationRecord
from shared.ports.exports import Source
from shared.ports.keys import KeyRecord
from shared.ports.policies import PolicyRecord
from shared.ports.records import DocumentRecord, FileBatchRecord, FileRecord, FolderRecord, VectorStoreRecord
from shared.ports.responses import ResponseRecord
from shared.tenancy.audit import AuditLog
from shared.tenancy.export_sources import ConversationLines, FileContents, RecordLines, UsageLines, without_hash
from shared.tenancy.exporting import Exporting
from shared.wiring.retrieval import Storage
from shared.wiring.stores import Stores


def open_exporting(stores: Stores, storage: Storage, clock: Clock) -> Exporting:
    sources: dict[str, Source] = {
        "policy": RecordLines(stores.policies, PolicyRecord),
        "keys": RecordLines(stores.keys, KeyRecord, without_hash),
        "audit_logs": RecordLines(stores.audit, AuditRecord),
        "vector_stores": RecordLines(stores.vector_stores, VectorStoreRecord),
        "folders": RecordLines(stores.folders, FolderRecord),
        "file_batches": RecordLines(stores.file_batches, FileBatchRecord),
        "documents": RecordLines(stores.documents, DocumentRecord),
        "file_records": RecordLines(stores.files, FileRecord),
        "files": FileContents(stores.files, storage.blobs),
        "conversation_records": RecordLines(stores.conversations, ConversationRecord),
        "conversations": ConversationLines(stores.conversations, stores.conversation_items),
        "completion_records": RecordLines(stores.completions, CompletionRecord),
        "completions": ConversationLines(stores.completions, stores.conversation_items),
        "responses": RecordLines(stores.responses, ResponseRecord),
        "usage": UsageLines(stores.ledger, clock),
    }
    return Exporting(
        records=stores.exports,
        sources=sources,
        blobs=storage.blobs,
        queues=storage.queues,
        audit=AuditLog(stores.audit, clock),
        clock=clock,
    )
