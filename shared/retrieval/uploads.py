"""Files that come in parts: in any order, at once or one after another, until they are put together.

The parts are blocks of the file's own blob, which is not there before it is complete; no byte is moved twice.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from itertools import batched
from math import ceil
from typing import BinaryIO

from shared.errors import ConflictError, InvalidRequestError, NotFoundError, PreconditionFailedError, TooLargeError
from shared.ports.blobs import BLOCK_BYTES, FILES, Blobs
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.records import FileRecord, Records, Stored, UploadPartRecord, UploadRecord
from shared.ports.sizes import SizedRecords
from shared.retrieval.blob_names import plain_filename, upload_name
from shared.retrieval.first_sight import ensure
from shared.retrieval.listing import Walk, walk
from shared.retrieval.objects import file_object
from shared.retrieval.room import Room
from shared.retrieval.tenants import Tenants
from shared.wire.files import MAX_PART_BYTES, CompletionBody, PartForm, UploadBody, UploadObject, UploadPart

_LIFETIME = timedelta(hours=1)
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Uploads:
    uploads: Records[UploadRecord]
    parts: SizedRecords[UploadPartRecord]
    files: SizedRecords[FileRecord]
    blobs: Blobs
    room: Room
    tenants: Tenants
    clock: Clock

    async def create(self, caller: Caller, body: UploadBody) -> UploadObject:
        """Raise QuotaError for a file that the tenant has no room for now. Nothing is held for it: its parts are
        counted as they come."""
        await self.room.most(caller.tenant, body.bytes)
        await self.tenants.enter(caller.tenant)
        now = self.clock.now()
        record = UploadRecord(
            id=self.clock.new_id("upload_"),
            tenant=caller.tenant,
            filename=plain_filename(body.filename),
            purpose=body.purpose,
            content_type=body.mime_type,
            size_bytes=body.bytes,
            created_at=now,
            expires_at=now + _LIFETIME,
            file_id=self.clock.new_id("file-"),
            lifetime_s=None if body.expires_after is None else body.expires_after.seconds,
        )
        return self._object((await self.uploads.create(record)).value)

    async def add(self, caller: Caller, upload_id: str, form: PartForm) -> UploadPart:
        """A part is there once this returns; what a crash cut off is as if it had never come. Raise QuotaError when
        the tenant has no room for it."""
        upload = (await self._pending(caller, upload_id)).value
        size = form.data.size_bytes
        if not size or size > min(MAX_PART_BYTES, upload.size_bytes):
            message = f"The part has {size} bytes; 1 to {min(MAX_PART_BYTES, upload.size_bytes)} are allowed."
            raise TooLargeError(message, param="data") if size else InvalidRequestError(message, param="data")
        most_bytes = await self.room.most(caller.tenant, size)
        part = UploadPartRecord(
            id=self.clock.new_id("part_"),
            tenant=caller.tenant,
            upload_id=upload_id,
            size_bytes=size,
            blocks=ceil(size / BLOCK_BYTES),
            created_at=self.clock.now(),
        )
        await self._stage(upload, part, form.data.file)
        await self.parts.create(part, most_bytes=most_bytes)
        return UploadPart(id=part.id, created_at=int(part.created_at.timestamp()), upload_id=upload_id)

    async def complete(self, caller: Caller, upload_id: str, body: CompletionBody) -> UploadObject:
        """Make the file; the same again, also after a crash at any moment, gives the same file.

        Raise NotFoundError for a part that is none of this upload's, InvalidRequestError when sizes or checksum do not
        match, ConflictError while the file is being made of the parts in another order.
        """
        upload = (await self._get(caller, upload_id)).value
        order = tuple(body.part_ids)
        if upload.status == "completed" and upload.part_ids == order:
            return await self._completed(upload)
        stored = await self._pending(caller, upload_id)
        if stored.value.part_ids not in ((), order):
            raise ConflictError(f"Upload {upload_id!r} is being completed from other parts.", param="part_ids")
        try:
            parts = await self._parts(stored.value, order)
        except NotFoundError:
            upload = (await self._get(caller, upload_id)).value
            if upload.status == "completed" and upload.part_ids == order:
                return await self._completed(upload)  # by another call at once, which let go of the parts
            raise
        stored = await self._write(stored, replace(stored.value, part_ids=order))
        blocks = [block for part in parts for block in _blocks(part)]
        name = upload_name(upload.tenant, upload.file_id)
        await self.blobs.commit(FILES, name, blocks, content_type=upload.content_type)
        if body.md5 is not None and (found := await self._md5(name)) != body.md5:
            await self._write(stored, replace(stored.value, part_ids=()))
            message = f"The MD5 of what was uploaded is {found!r}, not {body.md5!r}."
            raise InvalidRequestError(message, param="md5", code="checksum_mismatch")
        await ensure(self.files, self._file(upload))
        stored = await self._write(stored, replace(stored.value, status="completed"))
        await self._forget_parts(stored.value)  # or their bytes would count beside the file's
        return await self._completed(stored.value)

    async def cancel(self, caller: Caller, upload_id: str) -> UploadObject:
        stored = await self._pending(caller, upload_id)
        stored = await self._write(stored, replace(stored.value, status="cancelled"))
        await self.clear(stored.value)
        return self._object(stored.value)

    async def clear(self, upload: UploadRecord) -> None:
        """Forget the parts of an upload that is over; and their bytes, if no file was made of them."""
        if upload.status != "completed":
            name = upload_name(upload.tenant, upload.file_id)
            await self.blobs.upload(FILES, name, BytesIO())  # it drops the blocks, which a deletion would not
            await self.blobs.delete(FILES, name)
        await self._forget_parts(upload)

    def is_over(self, upload: UploadRecord) -> bool:
        return upload.expires_at <= self.clock.now()

    async def remove(self, upload: UploadRecord) -> None:
        """Of one whose time is over nothing stays but the file that was made."""
        await self.clear(upload)
        await self.uploads.delete(upload.tenant, upload.id)

    async def _forget_parts(self, upload: UploadRecord) -> None:
        async for stored in walk(self.parts, upload.tenant, Walk({"upload_id": upload.id})):
            try:
                await self.parts.delete(upload.tenant, stored.value.id)
            except NotFoundError:
                continue  # by another call at once

    async def _get(self, caller: Caller, upload_id: str) -> Stored[UploadRecord]:
        try:
            return await self.uploads.get(caller.tenant, upload_id)
        except NotFoundError as error:
            raise NotFoundError(f"No upload {upload_id!r}.", param="upload_id") from error

    async def _pending(self, caller: Caller, upload_id: str) -> Stored[UploadRecord]:
        stored = await self._get(caller, upload_id)
        status = self._status(stored.value)
        if status != "pending":
            message = f"Upload {upload_id!r} is {status}, not pending."
            raise InvalidRequestError(message, param="upload_id", code="invalid_upload_status")
        return stored

    async def _write(self, stored: Stored[UploadRecord], changed: UploadRecord) -> Stored[UploadRecord]:
        try:
            return await self.uploads.replace(changed, if_match=stored.etag)
        except PreconditionFailedError as error:
            raise ConflictError(f"Upload {changed.id!r} has changed meanwhile.", param="upload_id") from error

    async def _stage(self, upload: UploadRecord, part: UploadPartRecord, source: BinaryIO) -> None:
        name = upload_name(upload.tenant, upload.file_id)
        for some in batched(_blocks(part), _AT_ONCE, strict=False):
            pieces = [await asyncio.to_thread(source.read, BLOCK_BYTES) for _ in some]
            staged = (self.blobs.stage(FILES, name, *pair) for pair in zip(some, pieces, strict=True))
            await asyncio.gather(*staged)

    async def _parts(self, upload: UploadRecord, order: Sequence[str]) -> list[UploadPartRecord]:
        if len(set(order)) < len(order):
            raise InvalidRequestError("A part is named twice.", param="part_ids")
        parts = [await self._part(upload, part_id) for part_id in order]
        size = sum(part.size_bytes for part in parts)
        if size != upload.size_bytes:
            message = f"The parts have {size} bytes together; the upload was to have {upload.size_bytes}."
            raise InvalidRequestError(message, param="part_ids", code="size_mismatch")
        return parts

    async def _part(self, upload: UploadRecord, part_id: str) -> UploadPartRecord:
        missing = NotFoundError(f"No part {part_id!r} in upload {upload.id!r}.", param="part_ids")
        try:
            part = (await self.parts.get(upload.tenant, part_id)).value
        except NotFoundError as error:
            raise missing from error
        if part.upload_id != upload.id:
            raise missing
        return part

    async def _md5(self, name: str) -> str:
        checksum = hashlib.md5(usedforsecurity=False)
        async for piece in self.blobs.read(FILES, name):
            await asyncio.to_thread(checksum.update, piece)
        return checksum.hexdigest()

    def _file(self, upload: UploadRecord) -> FileRecord:
        now = self.clock.now()
        return FileRecord(
            id=upload.file_id,
            tenant=upload.tenant,
            filename=upload.filename,
            purpose=upload.purpose,
            size_bytes=upload.size_bytes,
            created_at=now,
            container=FILES,
            blob_name=upload_name(upload.tenant, upload.file_id),
            expires_at=None if upload.lifetime_s is None else now + timedelta(seconds=upload.lifetime_s),
        )

    async def _completed(self, upload: UploadRecord) -> UploadObject:
        try:
            file = (await self.files.get(upload.tenant, upload.file_id)).value
        except NotFoundError:
            return self._object(upload)  # it was deleted since
        return self._object(upload, file)

    def _status(self, upload: UploadRecord) -> str:
        return "expired" if upload.status == "pending" and self.is_over(upload) else upload.status

    def _object(self, upload: UploadRecord, file: FileRecord | None = None) -> UploadObject:
        return UploadObject.model_validate(
            {
                "id": upload.id,
                "bytes": upload.size_bytes,
                "created_at": int(upload.created_at.timestamp()),
                "expires_at": int(upload.expires_at.timestamp()),
                "filename": upload.filename,
                "purpose": upload.purpose,
                "status": self._status(upload),
                "file": None if file is None else file_object(file),
            }
        )


def _blocks(part: UploadPartRecord) -> list[str]:
    """Ids of its blocks, equally long in all parts of all uploads."""
    return [f"{part.id}.{number:04d}" for number in range(part.blocks)]
