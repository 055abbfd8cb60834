"""Taking a document out of its vector store, so that no run that is still under way can put it back."""

from dataclasses import replace

from shared.ports.chunks import Chunks
from shared.ports.records import DocumentRecord, Records, Stored
from shared.retrieval.inputs import digest


class Removal:
    def __init__(self, documents: Records[DocumentRecord], chunks: Chunks) -> None:
        self._documents = documents
        self._chunks = chunks

    async def remove(self, stored: Stored[DocumentRecord], *, blob_etag: str | None) -> None:
        """Mark the document deleted, unless it is, and make it invisible. Whatever a crash left undone is done by the
        next call. `blob_etag` is the version of the blob that is meant to stay out; None if the blob is gone.

        Raise PreconditionFailedError when the record has changed since it was read.
        """
        document = stored.value
        if document.state != "deleted":
            document = _tombstone(document, blob_etag)
            await self._documents.replace(document, if_match=stored.etag)
        await self._chunks.retire(document.tenant, document.store_id, document.id, document.generation)
        await self._chunks.sweep(document.tenant, document.store_id, document.id)


def _tombstone(document: DocumentRecord, blob_etag: str | None) -> DocumentRecord:
    return replace(
        document,
        state="deleted",
        blob_etag=blob_etag,
        content_hash=None,
        generation=document.generation + 1,
        claim=None,
        claimed_until=None,
        fan_out=None,
        chunks=0,
        tokens=0,
        usage_bytes=0,
        attempts=0,
        last_error=None,
        inputs=digest(document),
        timings_ms={},
    )
