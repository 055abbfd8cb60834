"""Noticing that an event was missed: a document is compared with its blob, and asked to be looked at where they differ.

Nothing is repaired here. A message of the `documents` queue does that, as it would have after the event.
"""

import logging
from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.errors import NotFoundError, PreconditionFailedError
from shared.ports.blobs import DOCUMENTS, Blobs, ListedBlob
from shared.ports.clock import Clock
from shared.ports.queues import Queues
from shared.ports.records import DocumentRecord, Nudge, Records, Stored, document_id
from shared.retrieval.blob_names import Drop
from shared.retrieval.folders import Folders
from shared.retrieval.listing import Walk, walk
from shared.retrieval.objects import STATUS
from shared.wire.messages import DocumentMessage

log = logging.getLogger(__name__)

_PATIENCE = timedelta(minutes=10)
"""How long a document may be in progress, with no run that holds it, before its message is taken for lost."""

_AGAIN = timedelta(hours=6)
"""How long a nudge is given: messages that wait, be it for hours, do not pile up behind themselves."""


@dataclass(frozen=True, slots=True)
class StoreView:
    """What a vector store says of its documents: whether there is a store at all, and which have chunks to sweep."""

    exists: bool
    unswept: Set[str]


@dataclass(frozen=True, slots=True)
class Repair:
    """Each method says whether something was amiss."""

    documents: Records[DocumentRecord]
    blobs: Blobs
    queues: Queues
    folders: Folders
    clock: Clock

    async def blob(self, drop: Drop, blob: ListedBlob, store_id: str | None) -> bool:
        """Compare a dropped blob with its document in the store of its folder, which is None before there is one."""
        try:
            if store_id is not None:
                stored = await self.documents.get(drop.tenant, document_id(store_id, drop.file_id))
                return _differs(stored.value, blob.etag, self.clock.now()) and await self._nudge(stored, blob.etag)
        except NotFoundError:
            pass
        if store_id is None and await self._is_kept_out(drop, blob.etag):
            return False
        adopted = await self.folders.adopt(drop, blob.size_bytes)
        return await self._nudge(await self.documents.get(adopted.tenant, adopted.id), blob.etag)

    async def document(self, stored: Stored[DocumentRecord], store: StoreView) -> bool:
        """Compare a document with its blob and its store."""
        document = stored.value
        if document.state == "deleted" and (document.container != DOCUMENTS or document.blob_etag is None):
            return document.id in store.unswept and await self._nudge(stored, document.blob_etag)
        etag = await self._etag(document)
        orphaned = document.state != "deleted" and not store.exists
        left_over = document.id in store.unswept and STATUS[document.state] != "in_progress"
        amiss = orphaned or left_over or _differs(document, etag, self.clock.now())
        return amiss and await self._nudge(stored, etag)

    async def _is_kept_out(self, drop: Drop, blob_etag: str) -> bool:
        """Whether this version was taken out with the store that its folder fed: its next version makes a new one."""
        known = walk(self.documents, drop.tenant, Walk({"file_id": drop.file_id}))
        return any([one.value.state == "deleted" and one.value.blob_etag == blob_etag async for one in known])

    async def _etag(self, document: DocumentRecord) -> str | None:
        try:
            return (await self.blobs.head(document.container, document.blob_name)).etag
        except NotFoundError:
            return None

    async def _nudge(self, stored: Stored[DocumentRecord], etag: str | None) -> bool:
        """The message goes first: to crash before the note is to send it twice."""
        document, now = stored.value, self.clock.now()
        if not _may_be_nudged(document, etag, now):
            return False
        log.info("nudged document=%s state=%s", document.id, document.state)
        message = DocumentMessage(tenant=document.tenant, store_id=document.store_id, file_id=document.file_id)
        await self.queues.put("documents", message.model_dump_json().encode())
        try:
            await self.documents.replace(replace(document, nudge=Nudge(now, etag)), if_match=stored.etag)
        except PreconditionFailedError:
            return True  # somebody is at it already
        return True


def _differs(document: DocumentRecord, blob_etag: str | None, now: datetime) -> bool:
    """Whether the record is not what the last message about this version of the blob would have left."""
    if STATUS[document.state] == "in_progress":
        return _last_moved(document) + _PATIENCE < now
    return document.blob_etag != blob_etag


def _last_moved(document: DocumentRecord) -> datetime:
    if document.claimed_until is not None:
        return document.claimed_until
    return document.created_at if document.fan_out is None else document.fan_out.moved_at


def _may_be_nudged(document: DocumentRecord, blob_etag: str | None, now: datetime) -> bool:
    """Once for a version that failed or was taken out; every so often for others."""
    last = document.nudge
    if last is None or last.blob_etag != blob_etag:
        return True
    return document.state not in ("failed", "deleted") and last.at + _AGAIN < now
