"""Making one generation of a document: download, extract, then embed and publish, or plan the parts that do it."""

from dataclasses import dataclass, replace

from shared.errors import DocumentError, PreconditionFailedError
from shared.ports.blobs import DOCUMENTS, BlobProperties
from shared.ports.chunks import Chunks
from shared.ports.clock import Clock
from shared.retrieval.claims import Claim
from shared.retrieval.content import Content, scratch
from shared.retrieval.endings import refused, settled
from shared.retrieval.extraction.document import Extracted
from shared.retrieval.inputs import digest, from_metadata
from shared.retrieval.planning import Planner
from shared.retrieval.writing import ChunkWriter, Timings
from shared.tracing import names, spans


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds a claimed generation beside the one that answers, and lets it answer when it is whole.

    A record holds a content hash only while the generation that answers was made of that content: it is cleared before
    the first chunk is written and before a generation is retired, and set by the write that says `ready`.
    """

    content: Content
    writer: ChunkWriter
    planner: Planner
    chunks: Chunks
    clock: Clock

    @spans.traced("index_document")
    async def build(self, claim: Claim, blob: BlobProperties) -> None:
        """Leave the claimed document `ready`, in the terminal state that says why it cannot be, or in parts.

        Raise PreconditionFailedError when the blob or the record has changed meanwhile: decide again.
        """
        document = claim.document
        spans.note({names.TENANT: document.tenant, names.STORE: document.store_id, names.DOCUMENT: document.id})
        timings = Timings(self.clock)
        with scratch(blob.size_bytes) as path:
            with timings.stage("download"):
                content_hash = await self.content.fetch(claim.document, path)
            try:
                await self._take_inputs(claim, blob)
                if (content_hash, digest(claim.document)) == (claim.document.content_hash, claim.document.inputs):
                    await claim.write(settled(claim.document, "ready"))
                    return
                with timings.stage("extract"):
                    extracted = await self.content.extract(claim.document, path)
            except DocumentError as error:
                await self._refuse(claim, error)
                return
        if extracted.parts:
            await self.planner.plan(claim, extracted.parts, content_hash, timings)
        else:
            await self._publish(claim, extracted, content_hash, timings)

    async def _take_inputs(self, claim: Claim, blob: BlobProperties) -> None:
        """A drop's are in its metadata; an attached file's are on the record already."""
        if claim.document.container != DOCUMENTS:
            return
        told = from_metadata(blob.metadata).laid_on(claim.document)
        if told != claim.document:
            await claim.write(told)

    async def _refuse(self, claim: Claim, error: DocumentError) -> None:
        """The index is a function of the storage as it is now: what cannot be read is not found, not even as it was."""
        await claim.write(replace(claim.document, content_hash=None))
        document = claim.document
        await self.chunks.retire(document.tenant, document.store_id, document.id, document.generation)
        await claim.write(refused(document, error))

    async def _publish(self, claim: Claim, extracted: Extracted, content_hash: str, timings: Timings) -> None:
        await claim.write(replace(claim.document, state="embedding", content_hash=None))
        written = await self.writer.write(claim.document, extracted.passages, timings)
        document = claim.document
        with timings.stage("publish"):
            if not await self.chunks.publish(document.tenant, document.store_id, document.id, document.generation):
                raise PreconditionFailedError(f"Document {document.id!r} was overtaken.")
        ready = replace(settled(claim.document, "ready"), content_hash=content_hash, timings_ms=dict(timings.ms))
        totals = replace(ready, chunks=written.chunks, tokens=written.tokens, usage_bytes=written.usage_bytes)
        await claim.write(totals)
