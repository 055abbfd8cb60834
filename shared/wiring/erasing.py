"""The steps of an erasure, in their order: what opens the tenant's doors first, what finds the rest last."""

from dataclasses import dataclass

from shared.answers.erasing import ErasedConversations
from shared.gateway.erasing import ErasedAnswers
from shared.metering.erasing import DisownedUsage
from shared.ports.chunks import Chunks
from shared.ports.clock import Clock
from shared.ports.erasure import Step
from shared.retrieval.embedding import EmbeddingSpace
from shared.retrieval.erasing import ErasedBlobs, ErasedDocuments, ErasedEmbeddings, ErasedStores, ErasedUploads
from shared.retrieval.removal import Removal
from shared.retrieval.uploads import Uploads
from shared.settings.settings import Settings
from shared.tenancy.audit import AuditLog
from shared.tenancy.erasing import ErasedAudit, ErasedEntry, ErasedKeys, ErasedRecords
from shared.tenancy.erasure import Erasing
from shared.tenancy.secrets import Pepper
from shared.wiring.indexes import embedding_models
from shared.wiring.retrieval import Storage
from shared.wiring.stores import Stores


@dataclass(frozen=True, slots=True)
class Erased:
    """What is erased through services that know more of it than its records say."""

    uploads: Uploads
    chunks: Chunks


def open_erasing(settings: Settings, stores: Stores, storage: Storage, erased: Erased, clock: Clock) -> Erasing:
    steps: dict[str, Step] = {
        "keys": ErasedKeys(stores.keys, stores.key_index),
        "documents": ErasedDocuments(stores.documents, erased.chunks, Removal(stores.documents, erased.chunks)),
        "vector_stores": ErasedStores(stores.vector_stores, erased.chunks),
        "uploads": ErasedUploads(erased.uploads),
        "blobs": ErasedBlobs(storage.blobs),
        "embeddings": ErasedEmbeddings(stores.embeddings, _spaces(settings)),
        "answers": ErasedAnswers(stores.answers),
        "conversations": ErasedConversations(stores.conversations, stores.conversation_items),
        "completions": ErasedConversations(stores.completions, stores.conversation_items),
        "usage": DisownedUsage(stores.ledger, clock),
        "audit_logs": ErasedAudit(stores.audit),
        "records": ErasedRecords(stores.tenant_data),
        "register": ErasedEntry(stores.tenants),
    }
    return Erasing(
        records=stores.erasures,
        steps=steps,
        queues=storage.queues,
        audit=AuditLog(stores.audit, clock),
        pepper=Pepper(settings.key_pepper.encode()),
        clock=clock,
        wait_s=settings.erasure_wait_s,
    )


def _spaces(settings: Settings) -> list[str]:
    names = embedding_models(settings).names
    return [EmbeddingSpace(name, settings.models[name].dimensions or 0).name for name in names]
