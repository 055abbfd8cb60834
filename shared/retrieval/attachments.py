"""Files in vector stores: put in, looked at, taken out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.errors import ConflictError, NotFoundError, OverloadedError, PreconditionFailedError
from shared.ports.blobs import DOCUMENTS, Blobs
from shared.ports.chunks import Chunks
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.queues import Queues
from shared.ports.records import (
    Attribute,
    Chunking,
    DocumentRecord,
    FileRecord,
    Records,
    Stored,
    document_id,
)
from shared.retrieval.access import Access, as_seen, is_expired, readable
from shared.retrieval.first_sight import new_document
from shared.retrieval.inputs import Inputs, digest, from_attributes
from shared.retrieval.lifetimes import Lifetimes
from shared.retrieval.listing import Walk, page_of, route_of, walk
from shared.retrieval.objects import STATUS, attached_file, list_page
from shared.retrieval.removal import Removal
from shared.wire.lists import Deleted, ListPage
from shared.wire.messages import DocumentMessage
from shared.wire.vector_stores import (
    AttachBody,
    AttachedFile,
    AttachedFileQuery,
    AttributesBody,
    AutoChunking,
    ChunkingStrategy,
    FileContentPage,
    TextContent,
)

_ROUNDS = 8
_LOOK_AGAIN_S = 30
"""After this a removal is looked at again, in case the process died in the middle of it."""


@dataclass(frozen=True, slots=True)
class Attachments:
    lifetimes: Lifetimes
    files: Records[FileRecord]
    documents: Records[DocumentRecord]
    blobs: Blobs
    chunks: Chunks
    queues: Queues
    removal: Removal
    clock: Clock

    async def attach(self, caller: Caller, store_id: str, body: AttachBody) -> AttachedFile:
        """Put a file into a store; again, after a failure, is to try again. Raise NotFoundError for either."""
        await self.lifetimes.used(caller.tenant, [store_id])
        file = await self.file_to_read(caller, body.file_id)
        return attached_file(await self.put(store_id, file, body.attributes, body.chunking_strategy))

    async def update(self, caller: Caller, store_id: str, file_id: str, body: AttributesBody) -> AttachedFile:
        """Give a file of a store other attributes. Raise NotFoundError."""
        await self.lifetimes.used(caller.tenant, [store_id])
        await self._present(caller.tenant, store_id, file_id)
        file = await self.file_to_read(caller, file_id)
        return attached_file(await self.put(store_id, file, body.attributes or {}))

    async def put(
        self,
        store_id: str,
        file: FileRecord,
        attributes: Mapping[str, Attribute] | None = None,
        chunking: ChunkingStrategy | None = None,
    ) -> DocumentRecord:
        """Attributes and chunking, where given, take the place of those it had: it is indexed anew with them, and
        answers as it was until then. Raise InvalidRequestError for an acl that cannot be understood."""
        inputs = None if attributes is None else from_attributes(attributes, file)
        fresh = new_document(store_id, file, self.clock)
        for _ in range(_ROUNDS):
            try:
                document = await self._enter(fresh, inputs, chunking)
            except PreconditionFailedError:
                continue
            if document.state != "ready" or document.inputs != digest(document):
                await self._look_at(document)
            return document
        raise _busy(fresh.file_id)

    async def list(self, caller: Caller, store_id: str, query: AttachedFileQuery) -> ListPage[AttachedFile]:
        await self.lifetimes.get(caller.tenant, store_id)
        route = route_of(query, {"store_id": store_id}, prefix=document_id(store_id, ""))

        def wanted(document: DocumentRecord) -> bool:
            return document.state != "deleted" and query.filter in (None, STATUS[document.state])

        found, has_more = await page_of(self.documents, caller.tenant, route, query.limit, wanted)
        return list_page([attached_file(as_seen(document, caller)) for document in found], has_more)

    async def retrieve(self, caller: Caller, store_id: str, file_id: str) -> AttachedFile:
        document = (await self._present(caller.tenant, store_id, file_id)).value
        return attached_file(as_seen(document, caller))

    async def content(self, caller: Caller, store_id: str, file_id: str) -> FileContentPage:
        """The text as it is searched, less what the caller may not read."""
        document = (await self._present(caller.tenant, store_id, file_id)).value
        chunks = await self.chunks.list(caller.tenant, store_id, document.id)
        return FileContentPage(data=[TextContent(text=chunk.text) for chunk in chunks if readable(chunk.acl, caller)])

    async def retry(self, caller: Caller, store_id: str, file_id: str) -> AttachedFile:
        """Index the file anew, whatever became of it: a failure is forgotten, what is ready is made again, and what is
        in progress is looked at once more. A version that answers goes on answering. Raise NotFoundError."""
        for _ in range(_ROUNDS):
            stored = await self._present(caller.tenant, store_id, file_id)
            try:
                document = await self._begin_anew(stored)
            except PreconditionFailedError:
                continue
            await self._look_at(document)
            return attached_file(document)
        raise _busy(file_id)

    async def detach(self, caller: Caller, store_id: str, file_id: str) -> Deleted:
        """Take a file out of a store: it is not found from here on. The file itself stays."""
        await self.take_out((await self._present(caller.tenant, store_id, file_id)).value)
        return Deleted(id=file_id, object="vector_store.file.deleted")

    async def detach_everywhere(self, tenant: str, file_id: str) -> None:
        async for stored in walk(self.documents, tenant, Walk({"file_id": file_id})):
            if stored.value.state != "deleted":
                await self.take_out(stored.value)

    async def take_out(self, document: DocumentRecord) -> None:
        await self._look_at(document, delay_s=_LOOK_AGAIN_S)
        await self._take_out(document)

    async def clear(self, tenant: str, store_id: str) -> None:
        """Take everything out of a store that is being deleted."""
        async for stored in walk(self.documents, tenant, Walk({"store_id": store_id})):
            if stored.value.state != "deleted":
                await self._take_out(stored.value)
        await self.chunks.drop_store(tenant, store_id)

    async def file(self, caller: Caller, file_id: str) -> FileRecord:
        try:
            record = (await self.files.get(caller.tenant, file_id)).value
        except NotFoundError as error:
            raise NotFoundError(f"No file {file_id!r}.", param="file_id") from error
        if is_expired(record, self.clock.now()):
            raise NotFoundError(f"No file {file_id!r}.", param="file_id")
        return record

    async def file_to_read(self, caller: Caller, file_id: str) -> FileRecord:
        """A file that the caller may not read does not exist: its name is part of it, and whoever could put it into
        another store, or give it other attributes, could open it to everyone. Raise NotFoundError."""
        record = await self.file(caller, file_id)
        if not await self.access.may_read(caller, record):
            raise NotFoundError(f"No file {file_id!r}.", param="file_id")
        return record

    @property
    def access(self) -> Access:
        return Access(self.documents, self.blobs)

    async def _present(self, tenant: str, store_id: str, file_id: str) -> Stored[DocumentRecord]:
        try:
            stored = await self.documents.get(tenant, document_id(store_id, file_id))
        except NotFoundError as error:
            raise _no_file(store_id, file_id) from error
        if stored.value.state == "deleted":
            raise _no_file(store_id, file_id)
        return stored

    async def _enter(
        self, fresh: DocumentRecord, inputs: Inputs | None, chunking: ChunkingStrategy | None
    ) -> DocumentRecord:
        try:
            return (await self.documents.create(_cut((inputs or Inputs()).laid_on(fresh), chunking))).value
        except ConflictError:
            stored = await self.documents.get(fresh.tenant, fresh.id)
        entered = _entered_again(stored.value, fresh)
        if inputs is not None and fresh.container != DOCUMENTS:
            entered = inputs.laid_on(entered)
        entered = _cut(entered, chunking)
        if entered == stored.value:
            return entered
        return (await self.documents.replace(entered, if_match=stored.etag)).value

    async def _begin_anew(self, stored: Stored[DocumentRecord]) -> DocumentRecord:
        if STATUS[stored.value.state] == "in_progress":
            return stored.value  # its run would lose what it has done
        fresh = replace(_queued(stored.value), content_hash=None)
        return (await self.documents.replace(fresh, if_match=stored.etag)).value

    async def _take_out(self, document: DocumentRecord) -> None:
        for _ in range(_ROUNDS):
            stored = await self.documents.get(document.tenant, document.id)
            try:
                await self.removal.remove(stored, blob_etag=await self._blob_etag(document))
            except PreconditionFailedError:
                continue
            return
        raise _busy(document.file_id)

    async def _blob_etag(self, document: DocumentRecord) -> str | None:
        try:
            return (await self.blobs.head(document.container, document.blob_name)).etag
        except NotFoundError:
            return None

    async def _look_at(self, document: DocumentRecord, *, delay_s: float = 0) -> None:
        message = DocumentMessage(tenant=document.tenant, store_id=document.store_id, file_id=document.file_id)
        await self.queues.put("documents", message.model_dump_json().encode(), delay_s=delay_s)


def _cut(document: DocumentRecord, chunking: ChunkingStrategy | None) -> DocumentRecord:
    if chunking is None:
        return document
    if isinstance(chunking, AutoChunking):
        return replace(document, chunking=None)
    size = chunking.static
    return replace(document, chunking=Chunking(size.max_chunk_size_tokens, size.chunk_overlap_tokens))


def _entered_again(known: DocumentRecord, fresh: DocumentRecord) -> DocumentRecord:
    """What was taken out begins anew, what failed is tried again, anything else stays as it is."""
    if known.state == "deleted":
        return replace(fresh, generation=known.generation)
    if STATUS[known.state] == "failed":
        return _queued(known)
    return known


def _queued(document: DocumentRecord) -> DocumentRecord:
    """With no version of the blob to its name, so that the next message about it is not taken for an old one."""
    return replace(document, state="queued", blob_etag=None, attempts=0, last_error=None)


def _no_file(store_id: str, file_id: str) -> NotFoundError:
    return NotFoundError(f"No file {file_id!r} in vector store {store_id!r}.", param="file_id")


def _busy(file_id: str) -> OverloadedError:
    return OverloadedError(f"File {file_id!r} keeps changing.", retry_after_s=1)
