"""One part of a large document: in any order, any number of times, until the last publishes them all.

What the record says of the fan-out is the truth: a set of the parts that are done, changed by If-Match alone. Whoever
makes it complete publishes; should he die before he could, the redelivery of his message finds it complete.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.errors import DocumentError, PlatformError, PoisonMessageError, PreconditionFailedError
from shared.ports.chunks import STRIDE, Chunks
from shared.ports.clock import Clock
from shared.ports.erasure import Erasures
from shared.ports.records import DocumentRecord, FanOut, LastError, Records, document_id
from shared.retrieval.claims import noted
from shared.retrieval.content import Content, scratch
from shared.retrieval.endings import given_up, refused, settled
from shared.retrieval.extraction.document import Part, Passage
from shared.retrieval.poison import keep
from shared.retrieval.reconcile import Reconciler
from shared.retrieval.standing import OvertakenError, Standing
from shared.retrieval.writing import ChunkWriter, Timings, Written
from shared.tracing import names, spans
from shared.wire.messages import DocumentPartMessage, ParkedMessage, parse_document_part

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PartIndexer:
    documents: Records[DocumentRecord]
    content: Content
    writer: ChunkWriter
    chunks: Chunks
    reconciler: Reconciler
    erasures: Erasures
    clock: Clock

    async def handle(self, message: DocumentPartMessage, delivery_id: str) -> None:
        """Idempotent, in any order. Raise CapacityError to be called again later; other errors spend an attempt."""
        document = document_id(message.store_id, message.file_id)
        if await self.erasures.pseudonym(message.tenant) is not None:
            log.info("dropped a part of a tenant that is erased")
            return
        try:
            finished = await self._contribute(message)
        except OvertakenError as reason:
            log.info("dropped part=%s document=%s reason=%s", message.index, document, reason)
            # What it wrote since may be behind the sweep of whoever overtook it.
            await self.chunks.sweep(message.tenant, message.store_id, document)
            return
        except PreconditionFailedError:
            finished = True  # the blob is another by now: somebody has to look
        if finished:
            await self.reconciler.reconcile(message.tenant, document, delivery_id)

    async def give_up(self, parked: ParkedMessage, message_id: str) -> None:
        """Fail the document that a poisoned part belongs to, unless it is being made anew."""
        try:
            message = parse_document_part(parked.body.encode())
        except PoisonMessageError:
            await keep(self.content.blobs, "document-parts", parked, message_id)
            return
        reason = LastError("server_error", f"Part {message.index + 1}: {parked.reason}")
        try:
            await Standing(self.documents, message).change(lambda now: given_up(now, reason))
        except OvertakenError as overtaken:
            log.info("poison of nobody's part=%s file=%s reason=%s", message.index, message.file_id, overtaken)

    async def _contribute(self, message: DocumentPartMessage) -> bool:
        """Do the part unless it is done; publish if it was the last. Whether the document is finished."""
        standing = Standing(self.documents, message)
        document = await standing.document()
        if message.index not in _fan_out(document).done:
            document = await self._do(document, standing)
        if not _fan_out(document).complete:
            return False
        if await self.chunks.publish(document.tenant, document.store_id, document.id, document.generation):
            await standing.change(_ready)
        return True

    @spans.traced("index_document_part")
    async def _do(self, document: DocumentRecord, standing: Standing) -> DocumentRecord:
        timings, index = Timings(self.clock), standing.message.index
        spans.note({names.TENANT: document.tenant, names.STORE: document.store_id, names.DOCUMENT: document.id})
        try:
            passages = await self._passages(document, Part(**standing.message.part.model_dump()), timings)
            written = await self.writer.write(
                document, passages, timings, first_ordinal=index * STRIDE, proceed=standing.document
            )
        except DocumentError as error:
            await self._refuse(document, standing, error)
            raise OvertakenError("it cannot be read") from error
        except (PreconditionFailedError, OvertakenError):
            raise
        except Exception as error:
            await self._note(standing, error)
            raise
        return await standing.change(lambda now: self._marked(now, index, written, timings))

    async def _passages(self, document: DocumentRecord, part: Part, timings: Timings) -> Sequence[Passage]:
        with scratch() as path:
            with timings.stage("download"):
                await self.content.fetch_part(document, path, part)
            with timings.stage("extract"):
                return (await self.content.extract(document, path, part)).passages

    def _marked(self, document: DocumentRecord, index: int, written: Written, timings: Timings) -> DocumentRecord:
        """With the part among those that are done, and counted once."""
        fan_out = _fan_out(document)
        if index in fan_out.done:
            return document
        done = tuple(sorted({*fan_out.done, index}))
        spent = {stage: document.timings_ms.get(stage, 0) + ms for stage, ms in timings.ms.items()}
        return replace(
            document,
            fan_out=replace(fan_out, done=done, moved_at=self.clock.now()),
            chunks=document.chunks + written.chunks,
            tokens=document.tokens + written.tokens,
            usage_bytes=document.usage_bytes + written.usage_bytes,
            timings_ms={**document.timings_ms, **spent},
        )

    async def _refuse(self, document: DocumentRecord, standing: Standing, error: DocumentError) -> None:
        await self.chunks.retire(document.tenant, document.store_id, document.id, document.generation)
        await standing.change(lambda now: refused(now, error))
        await self.chunks.sweep(document.tenant, document.store_id, document.id)

    async def _note(self, standing: Standing, error: Exception) -> None:
        try:
            await standing.change(lambda now: noted(now, error))
        except (PlatformError, OvertakenError) as failure:
            log.warning("a failed part could not say so file=%s reason=%s", standing.message.file_id, failure)


def _ready(document: DocumentRecord) -> DocumentRecord:
    return replace(settled(document, "ready"), content_hash=_fan_out(document).content_hash)


def _fan_out(document: DocumentRecord) -> FanOut:
    if document.fan_out is None:
        raise OvertakenError("the document is in no parts any more")
    return document.fan_out
