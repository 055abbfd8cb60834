"""Who may read what: the one rule, and what it means for files.

A caller may read what has no ACL, and what names one of the caller's principals. Searches apply it inside their
queries; whatever else shows a document's text, name or attributes asks here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.errors import DocumentError, NotFoundError
from shared.ports.blobs import DOCUMENTS, Blobs
from shared.ports.keys import Caller
from shared.ports.records import DocumentRecord, FileRecord, LastError, Records
from shared.retrieval.inputs import from_metadata
from shared.retrieval.listing import Walk, walk


def readable(acl: Sequence[str], caller: Caller) -> bool:
    return not acl or not set(acl).isdisjoint(caller.principals)


def is_expired(file: FileRecord, now: datetime) -> bool:
    """Whether it is as if it were not there any more; a timer deletes it."""
    return file.expires_at is not None and file.expires_at <= now


def as_seen(document: DocumentRecord, caller: Caller) -> DocumentRecord:
    """The document, to one who may not read it without attributes and messages: those may quote it, or name it."""
    if readable(document.acl, caller):
        return document
    error = document.last_error and LastError(document.last_error.code, "You may not read this document.")
    return replace(document, attributes={}, acl=(), last_error=error)


@dataclass(frozen=True, slots=True)
class Access:
    documents: Records[DocumentRecord]
    blobs: Blobs

    async def may_read(self, caller: Caller, file: FileRecord) -> bool:
        """Whether the caller may read every document that the file is: each may restrict it."""
        if file.container == DOCUMENTS and not await self._metadata_lets(caller, file):
            return False
        async for stored in walk(self.documents, file.tenant, Walk({"file_id": file.id})):
            if stored.value.state != "deleted" and not readable(stored.value.acl, caller):
                return False
        return True

    async def readable(self, caller: Caller, files: Sequence[FileRecord]) -> list[FileRecord]:
        allowed = await asyncio.gather(*(self.may_read(caller, file) for file in files))
        return [file for file, may in zip(files, allowed, strict=True) if may]

    async def _metadata_lets(self, caller: Caller, file: FileRecord) -> bool:
        """A dropped blob says itself who may read it, also before it is indexed; one that is gone lets nobody."""
        try:
            blob = await self.blobs.head(file.container, file.blob_name)
            return readable(from_metadata(blob.metadata).acl, caller)
        except (NotFoundError, DocumentError):
            return False
