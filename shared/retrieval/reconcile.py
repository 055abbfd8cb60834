"""Bringing one document in line with its blob as it is now, whatever event said to look."""

import logging
from dataclasses import dataclass

from shared.errors import NotFoundError, OverloadedError, PreconditionFailedError
from shared.ports.blobs import DOCUMENTS, BlobProperties, Blobs
from shared.ports.chunks import Chunks
from shared.ports.records import DocumentRecord, Records, Stored
from shared.retrieval.claims import Claims
from shared.retrieval.first_sight import DroppedFiles
from shared.retrieval.generations import Builder
from shared.retrieval.inputs import digest
from shared.retrieval.lifetimes import Lifetimes
from shared.retrieval.objects import STATUS
from shared.retrieval.removal import Removal

log = logging.getLogger(__name__)

_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Every call ends with the index as the blob was at some moment after the call began, or with messages that bring
    it there in parts, or raises.

    So events may come in any order, twice, or after a crash: the last one to be handled settles it.
    """

    lifetimes: Lifetimes
    documents: Records[DocumentRecord]
    blobs: Blobs
    chunks: Chunks
    dropped: DroppedFiles
    claims: Claims
    removal: Removal
    builder: Builder

    async def reconcile(self, tenant: str, document_id: str, delivery_id: str) -> None:
        """Raise OverloadedError while another message's run holds it, or when it changes faster than it is indexed."""
        for _ in range(_ROUNDS):
            try:
                if await self._round(tenant, document_id, delivery_id):
                    return
            except PreconditionFailedError as error:
                log.info("again document=%s reason=%s", document_id, error)
        raise OverloadedError(f"Document {document_id!r} keeps changing.", retry_after_s=5)

    async def _round(self, tenant: str, document_id: str, delivery_id: str) -> bool:
        """Whether the document is in line with its blob."""
        try:
            stored = await self.documents.get(tenant, document_id)
        except NotFoundError:
            return True
        document = stored.value
        blob = await self._blob(document)
        if blob is None:
            await self.removal.remove(stored, blob_etag=None)
            await self.dropped.forget(document)
            return await self._blob(document) is None
        await self.dropped.keep(document, blob.size_bytes)
        if not await self.lifetimes.stands(tenant, document.store_id):
            await self.removal.remove(stored, blob_etag=blob.etag)
            return True
        if _is_settled(document, blob.etag):
            await self._tidy(stored)
            return True
        if self.builder.planner.is_under_way(document, blob.etag):
            return True
        await self._index(stored, blob, delivery_id)
        return await self._blob(document) == blob and await self.lifetimes.stands(tenant, document.store_id)

    async def _index(self, stored: Stored[DocumentRecord], blob: BlobProperties, delivery_id: str) -> None:
        claim = await self.claims.take(stored, blob.etag, delivery_id)
        async with claim:
            await claim.keep(self.builder.build(claim, blob))
        await self.chunks.sweep(stored.value.tenant, stored.value.store_id, stored.value.id)

    async def _tidy(self, stored: Stored[DocumentRecord]) -> None:
        """Finish what a crash may have left undone behind a settled record."""
        document = stored.value
        if document.state == "deleted":
            await self.removal.remove(stored, blob_etag=document.blob_etag)
        else:
            await self.chunks.sweep(document.tenant, document.store_id, document.id)

    async def _blob(self, document: DocumentRecord) -> BlobProperties | None:
        try:
            return await self.blobs.head(document.container, document.blob_name)
        except NotFoundError:
            return None


def _is_settled(document: DocumentRecord, blob_etag: str) -> bool:
    """Nothing is left to do for this blob and these inputs. An upload never changes: what was detached stays out."""
    if document.state == "deleted" and document.container != DOCUMENTS:
        return True
    current = document.blob_etag == blob_etag and document.inputs == digest(document)
    return current and STATUS[document.state] != "in_progress"
