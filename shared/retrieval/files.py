"""Files: what was uploaded through the API, and what was dropped into storage."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.errors import NotFoundError, QuotaError
from shared.ports.blobs import FILES, BlobProperties, Blobs
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.records import FileRecord
from shared.ports.sizes import SizedRecords
from shared.retrieval.access import is_expired
from shared.retrieval.attachments import Attachments
from shared.retrieval.blob_names import plain_filename, upload_name
from shared.retrieval.listing import page_of, route_of
from shared.retrieval.objects import file_object, list_page
from shared.retrieval.ranges import asked_range
from shared.retrieval.room import Room
from shared.retrieval.tenants import Tenants
from shared.wire.files import FileForm, FileObject, FileQuery
from shared.wire.lists import Deleted, ListPage
from shared.wire.replies import Download


@dataclass(frozen=True, slots=True)
class Files:
    files: SizedRecords[FileRecord]
    blobs: Blobs
    room: Room
    attachments: Attachments
    tenants: Tenants
    clock: Clock

    async def create(self, caller: Caller, form: FileForm) -> FileObject:
        """Raise QuotaError, and keep nothing, for a file that the tenant has no room for."""
        most_bytes = await self.room.most(caller.tenant, form.file.size_bytes)
        expiry = form.expires_after
        if expiry is not None:
            await self.tenants.enter(caller.tenant)  # or no timer would come by
        file_id = self.clock.new_id("file-")
        name = upload_name(caller.tenant, file_id)
        blob = await self.blobs.upload(FILES, name, form.file.file, content_type=form.file.content_type)
        record = FileRecord(
            id=file_id,
            tenant=caller.tenant,
            filename=plain_filename(form.file.filename),
            purpose=form.purpose,
            size_bytes=blob.size_bytes,
            created_at=self.clock.now(),
            container=FILES,
            blob_name=name,
            expires_at=None if expiry is None else self.clock.now() + timedelta(seconds=expiry.seconds),
        )
        try:
            return file_object((await self.files.create(record, most_bytes=most_bytes)).value)
        except QuotaError:  # others were faster
            await self.blobs.delete(FILES, name)
            raise

    async def list(self, caller: Caller, query: FileQuery) -> ListPage[FileObject]:
        """Without those that the caller may not read: a page may be short, but is empty only where the list ends."""
        where = {} if query.purpose is None else {"purpose": query.purpose}
        route, has_more = route_of(query, where), True
        page: list[FileRecord] = []
        while has_more and not page:
            found, has_more = await page_of(self.files, caller.tenant, route, query.limit, self._stands)
            page = await self.attachments.access.readable(caller, found)
            route = route.beyond([record.id for record in found])
        return list_page([file_object(record) for record in page], has_more)

    async def retrieve(self, caller: Caller, file_id: str) -> FileObject:
        return file_object(await self.attachments.file_to_read(caller, file_id))

    async def content(self, caller: Caller, file_id: str, headers: Mapping[str, str] | None = None) -> Download:
        """All of it, or the range that the headers ask for. Raise NotFoundError, RangeError."""
        record = await self.attachments.file_to_read(caller, file_id)
        blob = await self._head(record)
        wanted = asked_range(headers or {}, blob.size_bytes, blob.etag)
        return Download(
            content=self.blobs.read(record.container, record.blob_name, byte_range=wanted),
            filename=record.filename,
            size_bytes=blob.size_bytes,
            content_type=blob.content_type or "application/octet-stream",
            etag=blob.etag,
            byte_range=wanted,
        )

    async def delete(self, caller: Caller, file_id: str) -> Deleted:
        """Take the file out of every store, then delete it. The record goes last: what fails midway can be repeated."""
        await self.remove(await self.attachments.file(caller, file_id))
        return Deleted(id=file_id, object="file")

    async def remove(self, record: FileRecord) -> None:
        await self.attachments.detach_everywhere(record.tenant, record.id)
        await self.blobs.delete(record.container, record.blob_name)
        try:
            await self.files.delete(record.tenant, record.id)
        except NotFoundError:
            return

    def _stands(self, record: FileRecord) -> bool:
        return not is_expired(record, self.clock.now())

    async def _head(self, record: FileRecord) -> BlobProperties:
        try:
            return await self.blobs.head(record.container, record.blob_name)
        except NotFoundError as error:
            raise NotFoundError(f"No file {record.id!r}.", param="file_id") from error
