"""A ZIP archive as bytes, entry by entry, in pieces, and on from wherever an earlier process stopped.

Entries are stored as they are, sizes follow their content, and every number has 64 bits where the format has room for
them, so nothing needs to be known in advance: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.ports.exports import OpenEntry, Piece, Written

_VERSION, _FLAGS, _STORED = 45, 0x0808, 0  # sizes follow, names are UTF-8
_DATE = (1 << 5) | 1  # 1 January 1980: when an entry was made is in its record
_WHOLE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Grown:
    """An archive as it is after some pieces, and the bytes that were added to entries and directory."""

    written: Written
    content: bytes
    index: bytes


def grow(written: Written, pieces: Iterable[Piece]) -> Grown:
    content, index = bytearray(), bytearray()
    entry, entries = written.open, written.entries
    for piece in pieces:
        if entry is None:
            entry = OpenEntry(piece.name, written.offset + len(content))
            content += _header(entry)
        content += piece.content
        size = entry.size + len(piece.content)
        entry = replace(entry, crc=zlib.crc32(piece.content, entry.crc), size=size)
        if piece.last:
            content += struct.pack("<IIQQ", 0x08074B50, entry.crc, entry.size, entry.size)
            index += _directory(entry)
            entry, entries = None, entries + 1
    grown = replace(
        written,
        offset=written.offset + len(content),
        index_bytes=written.index_bytes + len(index),
        entries=entries,
        open=entry,
    )
    return Grown(grown, bytes(content), bytes(index))


def end(written: Written) -> bytes:
    """What stands behind the directory."""
    count, size, start = written.entries, written.index_bytes, written.offset
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, _VERSION, _VERSION, 0, 0, count, count, size, start)
    locator = struct.pack("<IIQI", 0x07064B50, 0, start + size, 1)
    return record + locator + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, _WHOLE, _WHOLE, 0)


def _header(entry: OpenEntry) -> bytes:
    name, wide = entry.name.encode(), struct.pack("<HHQQ", 1, 16, 0, 0)
    fixed = (_VERSION, _FLAGS, _STORED, 0, _DATE, 0, _WHOLE, _WHOLE, len(name), len(wide))
    return struct.pack("<IHHHHHIIIHH", 0x04034B50, *fixed) + name + wide


def _directory(entry: OpenEntry) -> bytes:
    name, wide = entry.name.encode(), struct.pack("<HHQQQ", 1, 24, entry.size, entry.size, entry.offset)
    fixed = (_VERSION, _VERSION, _FLAGS, _STORED, 0, _DATE, entry.crc, _WHOLE, _WHOLE, len(name), len(wide))
    return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, *fixed, 0, 0, 0, 0, _WHOLE) + name + wide
