"""What a message of the `documents` queue asks for: bring a document, or all that stand for a blob, up to date."""

import logging
from dataclasses import dataclass

from shared.errors import NotFoundError, PoisonMessageError
from shared.ports.blobs import DOCUMENTS, Blobs
from shared.ports.erasure import Erasures
from shared.ports.queues import Queues
from shared.ports.records import DocumentRecord, LastError, Records, document_id
from shared.retrieval.blob_names import Drop, parse_drop
from shared.retrieval.endings import given_up, is_waiting, update
from shared.retrieval.folders import Folders
from shared.retrieval.listing import Walk, walk
from shared.retrieval.poison import keep
from shared.retrieval.reconcile import Reconciler
from shared.wire.messages import BlobMessage, DocumentMessage, ParkedMessage, parse_document_event

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Indexer:
    documents: Records[DocumentRecord]
    blobs: Blobs
    queues: Queues
    folders: Folders
    reconciler: Reconciler
    erasures: Erasures

    async def handle(self, message: DocumentMessage | BlobMessage, delivery_id: str) -> None:
        """Idempotent, in any order. Raise CapacityError to be called again later; other errors spend an attempt."""
        if await self._is_erased(message):
            log.info("dropped a message of a tenant that is erased")
            return
        match message:
            case DocumentMessage():
                document = document_id(message.store_id, message.file_id)
                await self.reconciler.reconcile(message.tenant, document, delivery_id)
            case BlobMessage():
                await self._handle_blob(message.blob_name, delivery_id)

    async def _is_erased(self, message: DocumentMessage | BlobMessage) -> bool:
        if isinstance(message, DocumentMessage):
            return await self.erasures.pseudonym(message.tenant) is not None
        drop = parse_drop(message.blob_name)
        return isinstance(drop, Drop) and await self.erasures.pseudonym(drop.tenant) is not None

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
            await keep(self.blobs, "documents", parked, message_id)

    async def _subjects(self, message: DocumentMessage | BlobMessage) -> list[DocumentRecord]:
        match message:
            case DocumentMessage():
                wanted = Walk({"file_id": message.file_id, "store_id": message.store_id})
                return [stored.value async for stored in walk(self.documents, message.tenant, wanted)]
            case BlobMessage():
                drop = parse_drop(message.blob_name)
                return await self._standing_for(drop) if isinstance(drop, Drop) else []

    async def _fail(self, document: DocumentRecord, reason: LastError) -> None:
        """Only what still waits for such a message: a run that succeeded meanwhile is the better witness, and what is
        made in parts has messages of its own."""

        def failed(now: DocumentRecord) -> DocumentRecord | None:
            return given_up(now, reason) if is_waiting(now) and now.fan_out is None else None

        await update(self.documents, document, failed)
