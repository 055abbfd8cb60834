"""Services over the memory adapters: one storage, and as many processes as a test wants to start and kill."""

import asyncio
import functools
import hashlib
import math
import random
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from shared.adapters.memory.blobs import MemoryBlobs
from shared.adapters.memory.cache import MemoryEmbeddingCache
from shared.adapters.memory.chunks import MemoryChunks
from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.queues import MemoryQueues, Message
from shared.adapters.memory.records import MemoryRecords
from shared.adapters.memory.sizes import MemorySizedRecords, MemoryStoredBytes
from shared.errors import CapacityError, DocumentError
from shared.ports.blobs import DOCUMENTS
from shared.ports.chunks import Chunk
from shared.ports.erasure import ErasureRecord
from shared.ports.keys import Caller
from shared.ports.models import Embeddings
from shared.ports.policies import PolicyRecord
from shared.ports.records import (
    CursorRecord,
    DocumentRecord,
    FileBatchRecord,
    FileRecord,
    FolderRecord,
    TenantRecord,
    UploadPartRecord,
    UploadRecord,
    VectorStoreRecord,
)
from shared.ports.usage import Source
from shared.retrieval.attachments import Attachments
from shared.retrieval.claims import Claims
from shared.retrieval.content import Content
from shared.retrieval.embedding import BatchLimits, EmbeddingSpace, PassageEmbedder
from shared.retrieval.expired import Expired
from shared.retrieval.extraction.document import Cut, Extracted, Part, Passage
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
from shared.retrieval.search import Searcher
from shared.retrieval.tenants import Tenants
from shared.retrieval.uploads import Uploads
from shared.retrieval.vector_stores import VectorStores
from shared.retrieval.writing import ChunkWriter
from shared.tenancy.erased import RememberedErasures
from shared.tenancy.policies import RememberedPolicies
from shared.tenancy.secrets import Pepper
from shared.wire.files import FileForm, FileObject
from shared.wire.messages import BlobMessage, parse_document_event, parse_document_part
from shared.wire.uploads import Upload

TENANT = "acme"
CALLER = Caller(TENANT, "key-1")
DIMENSIONS = 64
PEPPER = Pepper(b"pepper")


class WordsEmbedder:
    """Counts hashed words: texts that share words are near each other, and nothing is ever random."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.callers: list[tuple[Caller, Source]] = []

    async def embed(self, caller: Caller, texts: Sequence[str], *, source: Source) -> Embeddings:
        self.texts += texts
        self.callers.append((caller, source))
        return Embeddings(tuple(_vector(text) for text in texts), sum(len(text.split()) for text in texts))


def _vector(text: str) -> tuple[float, ...]:
    counts = [0.0] * DIMENSIONS
    for word in re.findall(r"\w+", text.casefold()):
        counts[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % DIMENSIONS] += 1
    length = math.sqrt(math.sumprod(counts, counts)) or 1.0
    return tuple(count / length for count in counts)


@dataclass(slots=True)
class ParagraphReader:
    """Text files, a passage for each paragraph; a first line `# Title` is the heading of all. Form feeds end pages.

    With `part_paragraphs`, what has more of them is to be read in parts of so many. Tests write ASCII then: its bytes
    are its characters.
    """

    part_paragraphs: int | None = None
    cuts: list[Cut | None] = field(default_factory=list)

    def prepare(self) -> None:
        """There is nothing to start."""

    async def extract(self, path: Path, filename: str, part: Part | None = None, cut: Cut | None = None) -> Extracted:
        content = await asyncio.to_thread(path.read_bytes)
        if content.startswith(b"\x00"):
            raise DocumentError(f"{filename!r} is of no known format.", code="unsupported_file")
        if not content:
            raise DocumentError(f"{filename!r} is empty.", code="empty")
        if b"UNREADABLE" in content and (part or not self.part_paragraphs):
            raise DocumentError(f"{filename!r} is damaged in the middle.", code="invalid_file")
        text, start = content.decode(), part.char_start if part else 0
        parts = () if part else tuple(self._parts(text))
        if parts:
            return Extracted((), len(text), None, parts)
        passages = tuple(_paragraphs(text, start))
        self.cuts.append(cut)
        return Extracted(passages, len(text), passages[-1].page_end if passages else None)

    def _parts(self, text: str) -> Iterator[Part]:
        starts = [found.start() for found in _PARAGRAPH.finditer(text)][:: self.part_paragraphs or len(text)]
        if len(starts) > 1:
            for start, end in pairwise([0, *starts[1:], len(text)]):
                yield Part("bytes", start, end, start, "ascii")


_PARAGRAPH = re.compile(r"[^\n](?:[^\n]|\n(?!\n))*")


def _paragraphs(text: str, start: int) -> Iterator[Passage]:
    headings = (text[2 : text.index("\n")],) if text.startswith("# ") else ()
    for found in _PARAGRAPH.finditer(text):
        piece, at, page = found[0], found.start(), text[: found.start() + 1].count("\f") + 1
        if piece.strip():
            tokens = len(piece.split())
            yield Passage(piece, start + at, start + at + len(piece), page, page, headings, tokens)


class Killed(BaseException):
    """The process died here."""


@dataclass(slots=True)
class Fuse:
    """Lets a process make so many steps, then kills it. Every call to a port is two: before and after its effect."""

    steps: int | None = None
    yields: random.Random | None = None
    spent: int = 0

    async def step(self) -> None:
        for _ in range(self.yields.randrange(4) if self.yields else 0):
            await asyncio.sleep(0)  # lets other tasks go first, waits for nothing
        self.spent += 1
        if self.steps is not None and self.spent > self.steps:
            raise Killed


class Fused:
    """An adapter as a process sees it that may die at any moment."""

    def __init__(self, adapter: object, fuse: Fuse) -> None:
        self._adapter = adapter
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Awaitable[Any]] = getattr(self._adapter, name)
        if not asyncio.iscoroutinefunction(method):
            return method

        @functools.wraps(method)
        async def fused(*args: Any, **kwargs: Any) -> Any:
            await self._fuse.step()
            result = await method(*args, **kwargs)
            await self._fuse.step()
            return result

        return fused


class Meanwhile:
    """An adapter during whose first call of one method something else happens: `action`, just before its effect."""

    def __init__(self, adapter: object, method: str, action: Callable[[], Awaitable[object]]) -> None:
        self._adapter = adapter
        self._method = method
        self._action: Callable[[], Awaitable[object]] | None = action

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._adapter, name)
        if name != self._method:
            return method

        async def interrupted(*args: Any, **kwargs: Any) -> Any:
            action, self._action = self._action, None
            if action is not None:
                await action()
            return await method(*args, **kwargs)

        return interrupted


@dataclass(frozen=True, slots=True)
class Services:
    files: Files
    uploads: Uploads
    vector_stores: VectorStores
    attachments: Attachments
    file_batches: FileBatches
    folders: Folders
    indexer: Indexer
    parts: PartIndexer
    searcher: Searcher
    rounds: Rounds


@dataclass(slots=True)
class World:
    """What outlives a process. `process()` starts one; `services` is one that never dies."""

    clock: ManualClock = field(default_factory=ManualClock)
    blobs: Any = field(default_factory=MemoryBlobs)
    chunks: Any = field(default_factory=lambda: MemoryChunks(dimensions=DIMENSIONS))
    stores: Any = field(default_factory=lambda: MemoryRecords(VectorStoreRecord))
    folders: Any = field(default_factory=lambda: MemoryRecords(FolderRecord))
    stored_bytes: Any = field(default_factory=MemoryStoredBytes)
    erasures: Any = field(default_factory=lambda: MemoryRecords(ErasureRecord))
    policies: Any = field(default_factory=lambda: MemoryRecords(PolicyRecord))
    files: Any = None
    file_batches: Any = field(default_factory=lambda: MemoryRecords(FileBatchRecord))
    uploads: Any = field(default_factory=lambda: MemoryRecords(UploadRecord))
    upload_parts: Any = None
    documents: Any = field(default_factory=lambda: MemoryRecords(DocumentRecord))
    tenants: Any = field(default_factory=lambda: MemoryRecords(TenantRecord))
    cursors: Any = field(default_factory=lambda: MemoryRecords(CursorRecord))
    embedder: Any = field(default_factory=WordsEmbedder)
    reader: Any = field(default_factory=ParagraphReader)
    lease_s: float = 60
    cache: Any = field(init=False)
    queues: MemoryQueues = field(init=False)
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self.files = self.files or MemorySizedRecords(FileRecord, self.stored_bytes)
        self.upload_parts = self.upload_parts or MemorySizedRecords(UploadPartRecord, self.stored_bytes)
        self.queues = MemoryQueues(self.clock)
        self.cache = MemoryEmbeddingCache(self.clock)
        self.services = self.process(Fuse())

    def process(self, fuse: Fuse) -> Services:
        def fused(adapter: object) -> Any:
            return Fused(adapter, fuse)

        documents, blobs, chunks, embedder = map(fused, (self.documents, self.blobs, self.chunks, self.embedder))
        stores, files, queues = map(fused, (self.stores, self.files, self.queues))
        tenants = Tenants(fused(self.tenants))
        folders = Folders(stores, fused(self.folders), documents, tenants, self.clock)
        removal = Removal(documents, chunks)
        lifetimes = Lifetimes(stores, self.clock)
        attachments = Attachments(lifetimes, files, documents, blobs, chunks, queues, removal, self.clock)
        searcher = Searcher(lifetimes, chunks, embedder)
        space, limits = EmbeddingSpace("words", DIMENSIONS), BatchLimits(texts=2, tokens=1000)
        passages = PassageEmbedder(embedder, fused(self.cache), space, limits=limits)
        content, writer = Content(blobs, fused(self.reader)), ChunkWriter(passages, chunks, window=4)
        erasures = RememberedErasures(self.erasures, PEPPER, self.clock, ttl_s=30)
        room = Room(RememberedPolicies(self.policies, self.clock), self.stored_bytes)
        uploaded = Files(files, blobs, room, attachments, tenants, self.clock)
        uploads = Uploads(fused(self.uploads), fused(self.upload_parts), files, blobs, room, tenants, self.clock)
        reconciler = Reconciler(
            lifetimes=lifetimes,
            documents=documents,
            blobs=blobs,
            chunks=chunks,
            dropped=DroppedFiles(files, self.clock),
            claims=Claims(documents, self.clock, lease_s=self.lease_s),
            removal=removal,
            builder=Builder(content, writer, Planner(queues, self.clock), chunks, self.clock),
        )
        return Services(
            files=uploaded,
            uploads=uploads,
            vector_stores=VectorStores(lifetimes, documents, folders, attachments, searcher, self.clock),
            attachments=attachments,
            file_batches=FileBatches(fused(self.file_batches), documents, attachments, self.clock),
            folders=folders,
            indexer=Indexer(documents, blobs, queues, folders, reconciler, erasures),
            parts=PartIndexer(documents, content, writer, chunks, reconciler, erasures, self.clock),
            searcher=searcher,
            rounds=Rounds(
                cursors=fused(self.cursors),
                tenants=tenants,
                lifetimes=lifetimes,
                documents=documents,
                blobs=blobs,
                chunks=chunks,
                folders=folders,
                repair=Repair(documents, blobs, queues, folders, self.clock),
                expired=Expired(uploaded, uploads, self.clock),
                clock=self.clock,
            ),
        )

    async def upload(self, content: str | bytes, filename: str = "a.txt", caller: Caller = CALLER) -> FileObject:
        return await self.services.files.create(caller, self.form(content, filename))

    def form(self, content: str | bytes, filename: str) -> FileForm:
        raw = content.encode() if isinstance(content, str) else content
        return FileForm(file=Upload(filename, "text/plain", len(raw), BytesIO(raw)), purpose="assistants")

    async def drop(self, name: str, content: str | bytes, **metadata: str) -> None:
        """A blob into `documents`, with its event."""
        raw = content.encode() if isinstance(content, str) else content
        await self.blobs.upload(DOCUMENTS, name, BytesIO(raw), metadata=metadata)
        await self.announce(name)

    async def remove(self, name: str) -> None:
        await self.blobs.delete(DOCUMENTS, name)
        await self.announce(name)

    async def announce(self, name: str) -> None:
        await self.queues.put("documents", BlobMessage(blob_name=name).model_dump_json().encode())

    async def deliver(self, message: Message, services: Services) -> None:
        """As the consumer does: deferred work is a new message; what fails or dies comes back as it was."""
        event = parse_document_event(message.body)
        try:
            await services.indexer.handle(event, message.receipt.message_id)
        except CapacityError as error:
            await self.queues.put("documents", message.body, delay_s=error.retry_after_s or 5)
        await self.queues.delete("documents", message.receipt)

    async def deliver_part(self, message: Message, services: Services) -> None:
        try:
            await services.parts.handle(parse_document_part(message.body), message.receipt.message_id)
        except CapacityError as error:
            await self.queues.put("document-parts", message.body, delay_s=error.retry_after_s or 5)
        await self.queues.delete("document-parts", message.receipt)

    async def settle(self) -> None:
        """Deliver everything, also what waits for later, until the queue is empty."""
        for _ in range(2000):
            for message in await self.queues.take("documents", limit=1):
                await self.deliver(message, self.services)
            for message in await self.queues.take("document-parts", limit=1):
                await self.deliver_part(message, self.services)
            if not self.queues.waiting("documents") and not self.queues.waiting("document-parts"):
                return
            self.clock.advance(10)
        raise AssertionError(f"The queue never empties: {self.queues.waiting('documents')}")

    async def only_store(self) -> VectorStoreRecord:
        (stored,) = (await self.stores.list(TENANT)).items
        return stored.value

    async def only_document(self) -> DocumentRecord:
        (stored,) = (await self.documents.list(TENANT)).items
        return stored.value

    async def texts(self, store_id: str, query: str = "text") -> list[str]:
        found = await self.services.searcher.search(CALLER, [store_id], query, limit=50)
        return [passage.text for passage in found]

    async def visible(self, document: DocumentRecord) -> Sequence[Chunk]:
        return await self.chunks.list(document.tenant, document.store_id, document.id)

    async def hidden(self, document: DocumentRecord) -> int:
        """How many chunks are left over that nobody can see. Destroys the document's index to find out."""
        visible = len(await self.visible(document))
        await self.chunks.retire(document.tenant, document.store_id, document.id, 10**6)
        return await self.chunks.sweep(document.tenant, document.store_id, document.id) - visible
