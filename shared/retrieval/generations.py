"""Making one generation of a document: download, extract, embed, publish."""

import asyncio
import hashlib
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import batched
from pathlib import Path
from typing import Protocol

from shared.errors import DocumentError, NotFoundError, PreconditionFailedError
from shared.ports.blobs import DOCUMENTS, BlobProperties, Blobs
from shared.ports.chunks import Chunk, Chunks
from shared.ports.clock import Clock
from shared.ports.records import DocumentRecord, DocumentState, LastError
from shared.retrieval.claims import Claim
from shared.retrieval.embedding import PassageEmbedder
from shared.retrieval.extraction.document import Extracted, Passage
from shared.retrieval.inputs import digest, from_metadata
from shared.tracing import names, spans

_FLOAT_BYTES = 4


class Reader(Protocol):
    """How a file becomes passages; `extraction.extractor` is the one that is deployed."""

    async def extract(self, path: Path, filename: str) -> Extracted:
        """Raise DocumentError for a file that cannot be indexed."""
        ...


@dataclass(frozen=True, slots=True)
class _Timings:
    clock: Clock
    ms: dict[str, int] = field(default_factory=dict[str, int])

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        began = self.clock.monotonic()
        with spans.span(name):
            yield
        self.ms[name] = self.ms.get(name, 0) + round((self.clock.monotonic() - began) * 1000)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a generation is made with."""

    blobs: Blobs
    extractor: Reader
    embedder: PassageEmbedder
    chunks: Chunks
    clock: Clock
    window: int = 256
    """How many chunks are looked up, embedded and written at once: what a run holds of a document in memory."""


class Builder:
    """Builds a claimed generation beside the one that answers, and lets it answer when it is whole.

    A record holds a content hash only while the generation that answers was made of that content: it is cleared before
    the first chunk is written and before a generation is retired, and set by the write that says `ready`.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @spans.traced("index_document")
    async def build(self, claim: Claim, blob: BlobProperties) -> None:
        """Leave the claimed document `ready`, or in the terminal state that says why it cannot be.

        Raise PreconditionFailedError when the blob or the record has changed meanwhile: decide again.
        """
        document = claim.document
        spans.note({names.TENANT: document.tenant, names.STORE: document.store_id, names.DOCUMENT: document.id})
        timings = _Timings(self._parts.clock)
        with tempfile.TemporaryDirectory(prefix="document-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "content"
            with timings.stage("download"):
                content_hash = await self._download(claim.document, path)
            try:
                await self._take_inputs(claim, blob)
                if (content_hash, digest(claim.document)) == (claim.document.content_hash, claim.document.inputs):
                    await claim.write(_settled(claim.document, "ready"))
                    return
                with timings.stage("extract"):
                    extracted = await self._parts.extractor.extract(path, claim.document.filename)
            except DocumentError as error:
                await self._refuse(claim, error)
                return
        await self._publish(claim, extracted, content_hash, timings)

    async def _take_inputs(self, claim: Claim, blob: BlobProperties) -> None:
        """A drop's are in its metadata; an attached file's are on the record already."""
        if claim.document.container != DOCUMENTS:
            return
        told = from_metadata(blob.metadata).laid_on(claim.document)
        if told != claim.document:
            await claim.write(told)

    async def _download(self, document: DocumentRecord, path: Path) -> str:
        container, name = document.container, document.blob_name
        try:
            await self._parts.blobs.download(container, name, path, if_match=document.blob_etag or "")
        except NotFoundError as error:
            raise PreconditionFailedError(f"Blob {name!r} has gone.") from error
        return await asyncio.to_thread(_sha256, path)

    async def _refuse(self, claim: Claim, error: DocumentError) -> None:
        """The index is a function of the storage as it is now: what cannot be read is not found, not even as it was."""
        await claim.write(replace(claim.document, content_hash=None))
        document = claim.document
        await self._parts.chunks.retire(document.tenant, document.store_id, document.id, document.generation)
        refused = replace(_settled(document, _state(error)), chunks=0, tokens=0, usage_bytes=0)
        await claim.write(replace(refused, last_error=LastError(error.code, str(error))))

    async def _publish(self, claim: Claim, extracted: Extracted, content_hash: str, timings: _Timings) -> None:
        await claim.write(replace(claim.document, state="embedding", content_hash=None))
        usage_bytes = 0
        for window in batched(enumerate(extracted.passages), self._parts.window, strict=False):
            chunks = await self._embed(claim.document, window, timings)
            with timings.stage("write"):
                await self._parts.chunks.put(chunks)
            usage_bytes += sum(len(c.text.encode()) + _FLOAT_BYTES * len(c.embedding) for c in chunks)
        document = claim.document
        with timings.stage("publish"):
            if not await self._parts.chunks.publish(
                document.tenant, document.store_id, document.id, document.generation
            ):
                raise PreconditionFailedError(f"Document {document.id!r} was overtaken.")
        ready = replace(_settled(document, "ready"), content_hash=content_hash, usage_bytes=usage_bytes)
        totals = replace(ready, chunks=len(extracted.passages), tokens=sum(p.tokens for p in extracted.passages))
        await claim.write(replace(totals, timings_ms=dict(timings.ms)))

    async def _embed(
        self, document: DocumentRecord, window: Sequence[tuple[int, Passage]], timings: _Timings
    ) -> list[Chunk]:
        with timings.stage("embed"):
            vectors = await self._parts.embedder.embed(document.tenant, [passage for _, passage in window])
        pairs = zip(window, vectors, strict=True)
        return [_chunk(document, ordinal, passage, vector) for (ordinal, passage), vector in pairs]


def _chunk(document: DocumentRecord, ordinal: int, passage: Passage, vector: tuple[float, ...]) -> Chunk:
    identity = f"{document.id}\n{document.generation}\n{ordinal}"
    return Chunk(
        id="chunk-" + hashlib.sha256(identity.encode()).hexdigest()[:32],
        tenant=document.tenant,
        store_id=document.store_id,
        document_id=document.id,
        file_id=document.file_id,
        filename=document.filename,
        generation=document.generation,
        ordinal=ordinal,
        text=passage.text,
        embedding=vector,
        tokens=passage.tokens,
        char_start=passage.char_start,
        char_end=passage.char_end,
        page_start=passage.page_start,
        page_end=passage.page_end,
        headings=passage.headings,
        acl=document.acl,
        attributes=document.attributes,
    )


def _settled(document: DocumentRecord, state: DocumentState) -> DocumentRecord:
    settled = replace(document, state=state, claim=None, claimed_until=None, attempts=0, last_error=None)
    return replace(settled, inputs=digest(document))


def _state(error: DocumentError) -> DocumentState:
    match error.code:
        case "needs_ocr" | "empty":
            return error.code
        case _:
            return "failed"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
