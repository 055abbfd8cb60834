"""Exporting a tenant into one ZIP archive, a short turn after the other, as messages of a queue.

The archive's bytes are blocks of a blob that is not there before it is complete. A turn that a crash cut off is done
again from where the record stands, and its blocks take the place of those that it had staged.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from shared.errors import ConflictError, NotFoundError, PoisonMessageError, PreconditionFailedError
from shared.ports.blobs import BLOCK_BYTES, Blobs
from shared.ports.clock import Clock
from shared.ports.exports import EXPORTS, ExportRecord, Source
from shared.ports.keys import Caller
from shared.ports.queues import Queues
from shared.ports.records import Records, Stored
from shared.tenancy import archive
from shared.tenancy.audit import AuditLog, Target
from shared.tenancy.policies import require_sight
from shared.wire.exports import ExportMessage, ExportObject, parse_export
from shared.wire.messages import ParkedMessage
from shared.wire.replies import Download

log = logging.getLogger(__name__)

_STATUS = {"running": "in_progress", "failed": "failed", "done": "completed"}
_ID = "export"
_TYPE = "application/zip"


@dataclass(frozen=True, slots=True)
class Exporting:
    """`sources` by their names, in their order."""

    records: Records[ExportRecord]
    sources: Mapping[str, Source]
    blobs: Blobs
    queues: Queues
    audit: AuditLog
    clock: Clock
    budget_s: float = 20

    async def ask(self, caller: Caller, tenant: str) -> ExportObject:
        """Begin a new one, in place of the last; one that is under way goes on. Raise NotFoundError, ConflictError."""
        require_sight(caller, tenant)
        await self.audit.note(caller, "project.exported", Target(tenant, tenant))
        fresh = ExportRecord(tenant, self.clock.new_id("e"), self.clock.now())
        try:
            stored = await self._get(tenant)
            if stored.value.state != "running":
                stored = await self.records.replace(fresh, if_match=stored.etag)
        except NotFoundError:
            stored = await self.records.create(fresh)
        except PreconditionFailedError as error:
            raise ConflictError(f"An export of {tenant!r} has been begun by another call.") from error
        await self._put(stored.value)
        return _object(stored.value)

    async def look(self, caller: Caller, tenant: str) -> ExportObject:
        require_sight(caller, tenant)
        return _object((await self._get(tenant)).value)

    async def content(self, caller: Caller, tenant: str) -> Download:
        """Raise NotFoundError until it is complete, and when its week is over."""
        require_sight(caller, tenant)
        missing = NotFoundError(f"There is no complete export of {tenant!r}.", param="project_id")
        if (await self._get(tenant)).value.state != "done":
            raise missing
        try:
            blob = await self.blobs.head(EXPORTS, _name(tenant))
        except NotFoundError as error:
            raise missing from error
        pieces = self.blobs.read(EXPORTS, _name(tenant))
        return Download(pieces, f"{tenant}.zip", blob.size_bytes, content_type=_TYPE, etag=blob.etag)

    async def run(self, message: ExportMessage) -> None:
        """As many turns as the budget allows, then another message. Of two at once one goes on."""
        try:
            stored = await self._get(message.tenant)
        except NotFoundError:
            return
        began, turns = self.clock.monotonic(), 0
        while stored.value.state == "running" and stored.value.run == message.run:
            if turns and self.clock.monotonic() - began >= self.budget_s:
                await self._put(stored.value)
                return
            turns += 1
            try:
                stored = await self.records.replace(await self._turn(stored.value), if_match=stored.etag)
            except PreconditionFailedError:
                log.info("another message goes on with it export=%s", message.run)
                return

    async def give_up(self, parked: ParkedMessage) -> None:
        try:
            stored = await self._get(parse_export(parked.body.encode()).tenant)
            if stored.value.state == "running":
                failed = replace(stored.value, state="failed", last_error=parked.reason)
                await self.records.replace(failed, if_match=stored.etag)
        except (PoisonMessageError, NotFoundError, PreconditionFailedError) as error:
            log.warning("poison of no export that stands reason=%s", error)
        log.error("export_failed body=%s reason=%s", parked.body, parked.reason)

    async def _turn(self, record: ExportRecord) -> ExportRecord:
        names = list(self.sources)
        name = record.source or names[0]
        portion = await self.sources[name].turn(record.tenant, record.position)
        grown = archive.grow(record.written, portion.pieces)
        blocks = await self._stage(record, "d", record.written.blocks, grown.content)
        indexes = await self._stage(record, "i", record.written.indexes, grown.index)
        written = replace(grown.written, blocks=blocks, indexes=indexes)
        record = replace(record, source=name, position=portion.position, written=written)
        if portion.position is not None:
            return record
        if name != names[-1]:
            return replace(record, source=names[names.index(name) + 1])
        await self._commit(record)
        return replace(record, state="done", finished_at=self.clock.now())

    async def _stage(self, record: ExportRecord, kind: Literal["d", "i", "z"], first: int, content: bytes) -> int:
        """The number of the block that comes next."""
        for start in range(0, len(content), BLOCK_BYTES):
            block = _block(record, kind, first)
            await self.blobs.stage(EXPORTS, _name(record.tenant), block, content[start : start + BLOCK_BYTES])
            first += 1
        return first

    async def _commit(self, record: ExportRecord) -> None:
        written = record.written
        await self._stage(record, "z", 0, archive.end(written))
        counts: tuple[tuple[Literal["d", "i", "z"], int], ...] = (
            ("d", written.blocks),
            ("i", written.indexes),
            ("z", 1),
        )
        blocks = [_block(record, kind, number) for kind, count in counts for number in range(count)]
        await self.blobs.commit(EXPORTS, _name(record.tenant), blocks, content_type=_TYPE)

    async def _get(self, tenant: str) -> Stored[ExportRecord]:
        try:
            return await self.records.get(tenant, _ID)
        except NotFoundError as error:
            raise NotFoundError(f"Project {tenant!r} has no export.", param="project_id") from error

    async def _put(self, record: ExportRecord) -> None:
        await self.queues.put("exports", ExportMessage(tenant=record.tenant, run=record.run).model_dump_json().encode())


def _name(tenant: str) -> str:
    return f"{tenant}/export.zip"


def _block(record: ExportRecord, kind: Literal["d", "i", "z"], number: int) -> str:
    return f"{record.run}.{kind}{number:06d}"


def _object(record: ExportRecord) -> ExportObject:
    return ExportObject.model_validate(
        {
            "project_id": record.tenant,
            "status": _STATUS[record.state],
            "requested_at": int(record.requested_at.timestamp()),
            "completed_at": None if record.finished_at is None else int(record.finished_at.timestamp()),
            "step": record.source or None,
            "entries": record.written.entries,
            "bytes": record.written.offset,
            "last_error": record.last_error or None,
        }
    )
