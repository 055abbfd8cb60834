"""What indexing, files and vector stores are made of, over whichever stores, storage and indexes are given."""

from dataclasses import dataclass

from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.erasure import Erasures
from shared.ports.models import Rewriter
from shared.ports.policies import Policies
from shared.ports.queues import Queues
from shared.retrieval.attachments import Attachments
from shared.retrieval.claims import Claims
from shared.retrieval.content import Content
from shared.retrieval.expired import Expired
from shared.retrieval.extraction.extractors import Extractors
from shared.retrieval.file_batches import FileBatches
from shared.retrieval.files import Files
from shared.retrieval.first_sight import DroppedFiles
from shared.retrieval.folders import Folders
from shared.retrieval.generations import Builder
from shared.retrieval.indexing import Indexer
from shared.retrieval.lifetimes import Lifetimes
from shared.retrieval.parts import PartIndexer
from shared.retrieval.planning import Planner
from shared.retrieval.reconcile import Reconciler
from shared.retrieval.removal import Removal
from shared.retrieval.repair import Repair
from shared.retrieval.room import Room
from shared.retrieval.rounds import Rounds
from shared.retrieval.tenants import Tenants
from shared.retrieval.uploads import Uploads
from shared.retrieval.vector_stores import VectorStores
from shared.retrieval.writing import ChunkWriter
from shared.wiring.indexes import Indexes
from shared.wiring.stores import Stores


@dataclass(frozen=True, slots=True)
class Storage:
    queues: Queues
    blobs: Blobs


@dataclass(frozen=True, slots=True)
class Retrieval:
    files: Files
    uploads: Uploads
    vector_stores: VectorStores
    attachments: Attachments
    file_batches: FileBatches
    indexer: Indexer
    parts: PartIndexer
    rounds: Rounds


@dataclass(frozen=True, slots=True)
class Indexing:
    indexes: Indexes
    extractor: Extractors
    lease_s: float


@dataclass(frozen=True, slots=True)
class Outside:
    """What retrieval needs of the platform's other halves."""

    policies: Policies
    erasures: Erasures
    rewriter: Rewriter | None
    clock: Clock


def open_retrieval(stores: Stores, storage: Storage, indexing: Indexing, outside: Outside) -> Retrieval:
    policies, rewriter, clock = outside.policies, outside.rewriter, outside.clock
    indexes, documents, blobs, queues = indexing.indexes, stores.documents, storage.blobs, storage.queues
    chunks = indexes.chunks
    tenants = Tenants(stores.tenants)
    folders = Folders(stores.vector_stores, stores.folders, documents, tenants, clock)
    removal = Removal(documents, chunks)
    lifetimes = Lifetimes(stores.vector_stores, clock)
    attachments = Attachments(lifetimes, stores.files, documents, blobs, chunks, queues, removal, clock)
    room = Room(policies, stores.stored_bytes)
    files = Files(stores.files, blobs, room, attachments, tenants, clock)
    uploads = Uploads(stores.uploads, stores.upload_parts, stores.files, blobs, room, tenants, clock)
    content, writer = Content(blobs, indexing.extractor), ChunkWriter(indexes.passages, chunks)
    reconciler = Reconciler(
        lifetimes=lifetimes,
        documents=documents,
        blobs=blobs,
        chunks=chunks,
        dropped=DroppedFiles(stores.files, clock),
        claims=Claims(documents, clock, lease_s=indexing.lease_s),
        removal=removal,
        builder=Builder(content, writer, Planner(queues, clock), chunks, clock),
    )
    return Retrieval(
        files=files,
        uploads=uploads,
        vector_stores=VectorStores(lifetimes, documents, folders, attachments, indexes.search, clock, rewriter),
        attachments=attachments,
        file_batches=FileBatches(stores.file_batches, documents, attachments, clock),
        indexer=Indexer(documents, blobs, queues, folders, reconciler, outside.erasures),
        parts=PartIndexer(documents, content, writer, chunks, reconciler, outside.erasures, clock),
        rounds=Rounds(
            cursors=stores.cursors,
            tenants=tenants,
            lifetimes=lifetimes,
            documents=documents,
            blobs=blobs,
            chunks=chunks,
            folders=folders,
            repair=Repair(documents, blobs, queues, folders, clock),
            expired=Expired(files, uploads, clock),
            clock=clock,
        ),
    )
