"""What a message of the `documents` queue asks for: bring a document, or all that stand for a blob, up to date."""

import logging
from dataclasses import dataclass, replace
from io import BytesIO

from shared.errors import NotFoundError, OverloadedError, PoisonMessageError, PreconditionFailedError
from shared.ports.blobs import DOCUMENTS, Blobs
from shared.ports.queues import Queues
from shared.ports.records import DocumentRecord, LastError, Records, document_id
from shared.retrieval.blob_names import Drop, parse_drop
from shared.retrieval.folders import Folders
from shared.retrieval.listing import Walk, walk
from shared.retrieval.objects import STATUS
from shared.retrieval.reconcile import Reconciler
from shared.wire.messages import BlobMessage, DocumentMessage, ParkedMessage, parse_document_event

log = logging.getLogger(__name__)

_ROUNDS = 8

POISON = "poison"
"""Container of bodies that no consumer understood: `{queue}/{message id}`."""


@dataclass(frozen=True, slots=True)
class Indexer:
    documents: Records[DocumentRecord]
    blobs: Blobs
    queues: Queues
    folders: Folders
    reconciler: Reconciler

    async def handle(self, message: DocumentMessage | BlobMessage, delivery_id: str) -> None:
        """Idempotent, in any order. Raise CapacityError to be called again later; other errors spend an attempt."""
        match message:
            case DocumentMessage():
                document = document_id(message.store_id, message.file_id)
                await self.reconciler.reconcile(message.tenant, document, delivery_id)
            case BlobMessage():
                await self._handle_blob(message.blob_name, delivery_id)

    async def _handle_blob(self, blob_name: str, delivery_id: str) -> None:
        drop = parse_drop(blob_name)
        if not isinstance(drop, Drop):
            log.info("ignored reason=%s", drop.reason)
            return
        own = await self._adopt(drop)
        for document in await self._standing_for(drop):
            if own is None or document.id == own:
                await self.reconciler.reconcile(drop.tenant, document.id, delivery_id)
            else:
                await self._hand_on(document)

    async def _adopt(self, drop: Drop) -> str | None:
        try:
            blob = await self.blobs.head(DOCUMENTS, drop.blob_name)
        except NotFoundError:
            return None
        return (await self.folders.adopt(drop, blob.size_bytes)).id

    async def _standing_for(self, drop: Drop) -> list[DocumentRecord]:
        """A dropped file may have been attached to other stores too; each of them is a document."""
        return [stored.value async for stored in walk(self.documents, drop.tenant, Walk({"file_id": drop.file_id}))]

    async def _hand_on(self, document: DocumentRecord) -> None:
        message = DocumentMessage(tenant=document.tenant, store_id=document.store_id, file_id=document.file_id)
        await self.queues.put("documents", message.model_dump_json().encode())

    async def give_up(self, parked: ParkedMessage, message_id: str) -> None:
        """Mark what a poisoned message was about as failed, with the reason that was last recorded.

        What is about nothing we know is logged, and its body kept among the blobs.
        """
        try:
            subjects = await self._subjects(parse_document_event(parked.body.encode()))
        except PoisonMessageError:
            subjects = []
        for document in subjects:
            await self._fail(document, LastError("server_error", parked.reason))
        if not subjects:
            log.error(
                "poison about nothing we know message=%s code=%s reason=%s", message_id, parked.code, parked.reason
            )
            await self.blobs.upload(POISON, f"documents/{message_id}", BytesIO(parked.body.encode()))

    async def _subjects(self, message: DocumentMessage | BlobMessage) -> list[DocumentRecord]:
        match message:
            case DocumentMessage():
                wanted = Walk({"file_id": message.file_id, "store_id": message.store_id})
                return [stored.value async for stored in walk(self.documents, message.tenant, wanted)]
            case BlobMessage():
                drop = parse_drop(message.blob_name)
                return await self._standing_for(drop) if isinstance(drop, Drop) else []

    async def _fail(self, document: DocumentRecord, reason: LastError) -> None:
        """Only what is still waiting: a run that succeeded meanwhile is the better witness.

        The version of the blob is forgotten, so that the next message about it tries again. A version that answers
        goes on answering.
        """
        for _ in range(_ROUNDS):
            stored = await self.documents.get(document.tenant, document.id)
            if STATUS[stored.value.state] != "in_progress":
                return
            last_error = stored.value.last_error or reason
            failed = replace(stored.value, state="failed", last_error=last_error, blob_etag=None, claim=None)
            try:
                await self.documents.replace(failed, if_match=stored.etag)
            except PreconditionFailedError:
                continue
            return
        raise OverloadedError(f"Document {document.id!r} keeps changing.", retry_after_s=5)
