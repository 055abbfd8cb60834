"""What goes into an export: records, files, conversations, usage. Never what opens anything."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.errors import NotFoundError
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.codec import Codec
from shared.ports.completions import CompletionRecord
from shared.ports.conversations import ConversationItems, ConversationRecord
from shared.ports.exports import Piece, Portion
from shared.ports.keys import KeyRecord
from shared.ports.records import FileRecord, Record, Records
from shared.ports.usage import Operation, UsageLedger

_PAGE = 200
_CONVERSATIONS = 20
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_MONTH = "%Y-%m"
_OPERATIONS: tuple[Operation, ...] = ("completions", "embeddings")


def without_hash(key: KeyRecord) -> KeyRecord:
    return replace(key, hmac="")


@dataclass(frozen=True, slots=True)
class RecordLines[T: Record]:
    """All records of one type, one a line, in the form in which the store has them."""

    records: Records[T]
    of: type[T]
    shown: Callable[[T], T] = lambda record: record

    async def turn(self, tenant: str, position: str | None) -> Portion:
        page = await self.records.list(tenant, order="asc", limit=_PAGE, after=position)
        codec = Codec(self.of)
        lines = b"".join(codec.encode(self.shown(stored.value)) + b"\n" for stored in page.items)
        piece = Piece(f"records/{self.of.__name__}.jsonl", lines, last=not page.has_more)
        return Portion([piece], page.items[-1].value.id if page.has_more else None)


@dataclass(frozen=True, slots=True)
class FileContents:
    """Each file as it was uploaded or dropped, some megabytes a turn. The position is a file and how far it is read; 0
    for all of it."""

    records: Records[FileRecord]
    blobs: Blobs
    slice_bytes: int = 8 * 2**20

    async def turn(self, tenant: str, position: str | None) -> Portion:
        after, start = ("", 0) if position is None else _parsed(position)
        if start:
            content = await self._rest(tenant, after, start)
            return Portion([self._piece(after, "", content)], self._place(after, content, start))
        page = await self.records.list(tenant, order="asc", limit=_PAGE, after=after or None)
        pieces: list[Piece] = []
        room = self.slice_bytes
        for file in (stored.value for stored in page.items):
            content = await self._read(file, 0)
            pieces.append(self._piece(file.id, file.filename, content))
            room -= len(content)
            if room <= 0:
                return Portion(pieces, self._place(file.id, content, 0))
        return Portion(pieces, f"0|{page.items[-1].value.id}" if page.has_more else None)

    async def _rest(self, tenant: str, file_id: str, start: int) -> bytes:
        try:
            return await self._read((await self.records.get(tenant, file_id)).value, start)
        except NotFoundError:
            return b""

    async def _read(self, file: FileRecord, start: int) -> bytes:
        """At most a slice; nothing where the blob ends, or has gone meanwhile."""
        try:
            size = (await self.blobs.head(file.container, file.blob_name)).size_bytes
            if start >= size:
                return b""
            wanted = (start, min(start + self.slice_bytes, size))
            pieces = self.blobs.read(file.container, file.blob_name, byte_range=wanted)
            return b"".join([piece async for piece in pieces])
        except NotFoundError:
            return b""

    def _piece(self, file_id: str, filename: str, content: bytes) -> Piece:
        """A slice that is not full is the last."""
        name = f"files/{file_id}/{filename.replace('/', '_')}"
        return Piece(name, content, last=len(content) < self.slice_bytes)

    def _place(self, file_id: str, content: bytes, start: int) -> str:
        return f"{start + len(content) if len(content) == self.slice_bytes else 0}|{file_id}"


@dataclass(frozen=True, slots=True)
class ConversationLines[T: ConversationRecord | CompletionRecord]:
    """What was said in each conversation, one item a line. The position is the conversation and its last item."""

    records: Records[T]
    items: ConversationItems

    async def turn(self, tenant: str, position: str | None) -> Portion:
        conversation, _, after = (position or "|").partition("|")
        if after:
            piece, last = await self._lines(tenant, conversation, after)
            return Portion([piece], f"{conversation}|{last}")
        page = await self.records.list(tenant, order="asc", limit=_CONVERSATIONS, after=conversation or None)
        pieces: list[Piece] = []
        for conversation in (stored.value.id for stored in page.items):
            piece, last = await self._lines(tenant, conversation, None)
            pieces.append(piece)
            if last:
                return Portion(pieces, f"{conversation}|{last}")
        return Portion(pieces, f"{page.items[-1].value.id}|" if page.has_more else None)

    async def _lines(self, tenant: str, conversation: str, after: str | None) -> tuple[Piece, str]:
        """Some items, and the id of the last where there are more."""
        found = await self.items.list(tenant, conversation, order="asc", limit=_PAGE, after=after)
        lines = "".join(item.body + "\n" for item in found.items).encode()
        piece = Piece(f"conversations/{conversation}.jsonl", lines, last=not found.has_more)
        return piece, found.items[-1].id if found.has_more else ""


@dataclass(frozen=True, slots=True)
class UsageLines:
    """Sums by the hour, a month a turn. The position is the month."""

    ledger: UsageLedger
    clock: Clock

    async def turn(self, tenant: str, position: str | None) -> Portion:
        start = _FIRST if position is None else datetime.strptime(position, _MONTH).replace(tzinfo=UTC)
        end = (start + timedelta(days=32)).replace(day=1)
        totals = [
            total
            for operation in _OPERATIONS
            for total in await self.ledger.totals(tenant, operation, start=start, end=end, width_s=3600)
        ]
        lines = "".join(json.dumps(asdict(total), default=str) + "\n" for total in totals).encode()
        last = end > self.clock.now()
        return Portion([Piece("usage.jsonl", lines, last=last)], None if last else f"{end:{_MONTH}}")


def _parsed(position: str) -> tuple[str, int]:
    start, _, file_id = position.partition("|")
    return file_id, int(start)
