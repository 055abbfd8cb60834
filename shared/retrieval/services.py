"""Everything retrieval offers, put together from the ports it needs."""

from dataclasses import dataclass, field

from shared.ports.blobs import Blobs
from shared.ports.chunks import Chunks
from shared.ports.clock import Clock
from shared.ports.models import Embedder
from shared.ports.queues import Queues
from shared.ports.records import DocumentRecord, FileRecord, FolderRecord, Records, VectorStoreRecord
from shared.retrieval.attachments import Attachments
from shared.retrieval.claims import Claims
from shared.retrieval.files import Files
from shared.retrieval.first_sight import DroppedFiles
from shared.retrieval.folders import Folders
from shared.retrieval.fusion import Weights
from shared.retrieval.generations import BatchLimits, Builder, Parts, Reader
from shared.retrieval.indexing import Indexer
from shared.retrieval.reconcile import Reconciler
from shared.retrieval.removal import Removal
from shared.retrieval.search import Relevance, Searcher
from shared.retrieval.vector_stores import VectorStores


@dataclass(frozen=True, slots=True)
class Needs:
    """What retrieval is made of. `lease_s` is how long a run that went silent holds up another."""

    stores: Records[VectorStoreRecord]
    folders: Records[FolderRecord]
    files: Records[FileRecord]
    documents: Records[DocumentRecord]
    blobs: Blobs
    chunks: Chunks
    queues: Queues
    embedder: Embedder
    reader: Reader
    clock: Clock
    lease_s: float
    batches: BatchLimits = field(default_factory=BatchLimits)
    weights: Weights = field(default_factory=Weights)
    relevance: Relevance = field(default_factory=Relevance)


@dataclass(frozen=True, slots=True)
class Retrieval:
    files: Files
    vector_stores: VectorStores
    attachments: Attachments
    indexer: Indexer
    searcher: Searcher


def assemble(needs: Needs) -> Retrieval:
    folders = Folders(needs.stores, needs.folders, needs.documents, needs.clock)
    searcher = Searcher(needs.stores, needs.chunks, needs.embedder, needs.weights, needs.relevance)
    removal = Removal(needs.documents, needs.chunks)
    attachments = Attachments(
        stores=needs.stores,
        files=needs.files,
        documents=needs.documents,
        blobs=needs.blobs,
        chunks=needs.chunks,
        queues=needs.queues,
        removal=removal,
        clock=needs.clock,
    )
    return Retrieval(
        files=Files(needs.files, needs.blobs, attachments, needs.clock),
        vector_stores=VectorStores(needs.stores, needs.documents, folders, attachments, searcher, needs.clock),
        attachments=attachments,
        indexer=Indexer(needs.documents, needs.blobs, needs.queues, folders, _reconciler(needs, removal)),
        searcher=searcher,
    )


def _reconciler(needs: Needs, removal: Removal) -> Reconciler:
    parts = Parts(needs.blobs, needs.reader, needs.embedder, needs.chunks, needs.clock, needs.batches)
    return Reconciler(
        stores=needs.stores,
        documents=needs.documents,
        blobs=needs.blobs,
        chunks=needs.chunks,
        dropped=DroppedFiles(needs.files, needs.clock),
        claims=Claims(needs.documents, needs.clock, lease_s=needs.lease_s),
        removal=removal,
        builder=Builder(parts),
    )
