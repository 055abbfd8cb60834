"""Files put into a vector store at once, and how far they are."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import batched

from shared.errors import NotFoundError, OverloadedError, PreconditionFailedError
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.records import DocumentRecord, FileBatchRecord, Records, Stored, document_id
from shared.retrieval.access import as_seen
from shared.retrieval.attachments import Attachments
from shared.retrieval.objects import STATUS, attached_file, file_counts, list_page
from shared.wire.lists import ListPage
from shared.wire.vector_stores import AttachBody, AttachedFile, AttachedFileQuery, FileBatchBody, FileBatchObject

_AT_ONCE = 16
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class FileBatches:
    batches: Records[FileBatchRecord]
    documents: Records[DocumentRecord]
    attachments: Attachments
    clock: Clock

    async def create(self, caller: Caller, store_id: str, body: FileBatchBody) -> FileBatchObject:
        """Raise NotFoundError for a store or a file that is missing; no file is put in then.

        The batch is noted last: should we die before, its files are in, and to make it again does no harm.
        """
        await self.attachments.lifetimes.used(caller.tenant, [store_id])
        asked = body.attached
        files = await _each(asked, lambda one: self.attachments.file_to_read(caller, one.file_id))
        wanted = {one.file_id: one for one in asked}

        async def put(file_id: str) -> DocumentRecord:
            one: AttachBody = wanted[file_id]
            return await self.attachments.put(store_id, found[file_id], one.attributes, one.chunking_strategy)

        found = {file.id: file for file in files}
        documents = await _each(list(found), put)
        record = FileBatchRecord(
            id=self.clock.new_id("vsfb_"),
            tenant=caller.tenant,
            store_id=store_id,
            created_at=self.clock.now(),
            file_ids=tuple(sorted(found)),
        )
        await self.batches.create(record)
        return _batch_object(record, documents)

    async def retrieve(self, caller: Caller, store_id: str, batch_id: str) -> FileBatchObject:
        record = (await self._get(caller, store_id, batch_id)).value
        return _batch_object(record, await self._documents(record))

    async def cancel(self, caller: Caller, store_id: str, batch_id: str) -> FileBatchObject:
        """Take out of the store what is still in progress. What is complete or has failed stays."""
        record = await self._cancelled(caller, store_id, batch_id)
        waiting = [one for one in await self._documents(record) if STATUS[one.state] == "in_progress"]
        await _each(waiting, lambda one: self.attachments.take_out(one))
        return _batch_object(record, await self._documents(record))

    async def list(
        self, caller: Caller, store_id: str, batch_id: str, query: AttachedFileQuery
    ) -> ListPage[AttachedFile]:
        """In the order of the files' ids."""
        record = (await self._get(caller, store_id, batch_id)).value
        documents = await self._documents(record)
        wanted = [one for one in documents if query.filter in (None, STATUS[one.state]) and _is_within(one, query)]
        if query.order == "desc":
            wanted.reverse()
        backwards = query.before is not None and query.after is None
        page = wanted[-query.limit :] if backwards else wanted[: query.limit]
        return list_page([attached_file(as_seen(one, caller)) for one in page], len(wanted) > len(page))

    async def _cancelled(self, caller: Caller, store_id: str, batch_id: str) -> FileBatchRecord:
        for _ in range(_ROUNDS):
            stored = await self._get(caller, store_id, batch_id)
            try:
                return (await self.batches.replace(replace(stored.value, cancelled=True), if_match=stored.etag)).value
            except PreconditionFailedError:
                continue
        raise OverloadedError(f"Batch {batch_id!r} keeps changing.", retry_after_s=1)

    async def _get(self, caller: Caller, store_id: str, batch_id: str) -> Stored[FileBatchRecord]:
        missing = NotFoundError(f"No batch {batch_id!r} in vector store {store_id!r}.", param="batch_id")
        try:
            stored = await self.batches.get(caller.tenant, batch_id)
        except NotFoundError as error:
            raise missing from error
        if stored.value.store_id != store_id:
            raise missing
        return stored

    async def _documents(self, record: FileBatchRecord) -> Sequence[DocumentRecord]:
        async def read(file_id: str) -> DocumentRecord:
            return (await self.documents.get(record.tenant, document_id(record.store_id, file_id))).value

        return await _each(record.file_ids, read)


def _is_within(document: DocumentRecord, query: AttachedFileQuery) -> bool:
    low, high = (query.after, query.before) if query.order == "asc" else (query.before, query.after)
    return (low is None or document.file_id > low) and (high is None or document.file_id < high)


def _batch_object(record: FileBatchRecord, documents: Sequence[DocumentRecord]) -> FileBatchObject:
    counts = file_counts(documents)
    status = "cancelled" if record.cancelled else "in_progress" if counts.in_progress else "completed"
    return FileBatchObject(
        id=record.id,
        created_at=int(record.created_at.timestamp()),
        vector_store_id=record.store_id,
        status=status,
        file_counts=counts,
    )


async def _each[One, Result](items: Sequence[One], work: Callable[[One], Awaitable[Result]]) -> list[Result]:
    """What becomes of each, in order; so many are worked on at once."""
    results: list[Result] = []
    for some in batched(items, _AT_ONCE, strict=False):
        results += await asyncio.gather(*(work(one) for one in some))
    return results
