"""Chunks of a generation: passages with their vectors, written where no search sees them yet."""

import hashlib
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import batched

from shared.ports.cache import Vector
from shared.ports.chunks import Chunk, Chunks
from shared.ports.clock import Clock
from shared.ports.records import DocumentRecord
from shared.retrieval.embedding import PassageEmbedder
from shared.retrieval.extraction.document import Passage
from shared.tracing import spans

_FLOAT_BYTES = 4

type Proceed = Callable[[], Awaitable[object]]
"""Asked before each window; raises when the work is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds by stage."""

    clock: Clock
    ms: dict[str, int] = field(default_factory=dict[str, int])

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        began = self.clock.monotonic()
        with spans.span(name):
            yield
        self.ms[name] = self.ms.get(name, 0) + round((self.clock.monotonic() - began) * 1000)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, summed. `usage_bytes` counts texts and vectors, as they are stored."""

    chunks: int = 0
    tokens: int = 0
    usage_bytes: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(self.chunks + other.chunks, self.tokens + other.tokens, self.usage_bytes + other.usage_bytes)


@dataclass(frozen=True, slots=True)
class ChunkWriter:
    """`window` chunks are looked up, embedded and written at once: what a run holds of a document in memory."""

    embedder: PassageEmbedder
    chunks: Chunks
    window: int = 256

    async def write(
        self,
        document: DocumentRecord,
        passages: Sequence[Passage],
        timings: Timings,
        *,
        first_ordinal: int = 0,
        proceed: Proceed | None = None,
    ) -> Written:
        """Write passages of the document's generation as chunks. Idempotent: their ids follow from their ordinals."""
        written = Written()
        for window in batched(enumerate(passages, first_ordinal), self.window, strict=False):
            if proceed is not None:
                await proceed()
            with timings.stage("embed"):
                vectors = await self.embedder.embed(document.tenant, [passage for _, passage in window])
            pairs = zip(window, vectors, strict=True)
            chunks = [_chunk(document, ordinal, passage, vector) for (ordinal, passage), vector in pairs]
            with timings.stage("write"):
                await self.chunks.put(chunks)
            written += _sum(chunks)
        return written


def _sum(chunks: Sequence[Chunk]) -> Written:
    usage_bytes = sum(len(chunk.text.encode()) + _FLOAT_BYTES * len(chunk.embedding) for chunk in chunks)
    return Written(len(chunks), sum(chunk.tokens for chunk in chunks), usage_bytes)


def _chunk(document: DocumentRecord, ordinal: int, passage: Passage, vector: Vector) -> Chunk:
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
