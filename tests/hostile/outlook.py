"""Compound files (MS-CFB) by hand, and an Outlook message (MS-OXMSG) in one."""

import struct
from collections.abc import Sequence

_SECTOR, _MINI = 512, 64
_END, _FREE, _FAT, _NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF
_STREAM, _ROOT = 2, 5


def message(subject: str, body: str) -> bytes:
    texts = {"0037001F": subject, "1000001F": body, "001A001F": "IPM.Note"}
    properties = bytes(32) + b"".join(
        struct.pack("<IIII", int(tag, 16), 6, len(text.encode("utf-16-le")) + 2, 0) for tag, text in texts.items()
    )
    streams = [(f"__substg1.0_{tag}", text.encode("utf-16-le")) for tag, text in sorted(texts.items())]
    return compound([*streams, ("__properties_version1.0", properties)])


def compound(streams: Sequence[tuple[str, bytes]]) -> bytes:
    """All streams lie in the mini stream, one after another, so each must be under 4 KiB; short names come first."""
    mini = b"".join(_padded(content, _MINI) for _, content in streams)
    mini_fat = b"".join(_chain(content) for content in _starts(streams))
    directory = _padded(_directory(streams, len(mini)), _SECTOR)
    sectors = [directory, _padded(mini_fat, _SECTOR, b"\xff"), _padded(mini, _SECTOR)]
    starts, fat = [], struct.pack("<I", _FAT)
    at = 1
    for each in sectors:
        count = len(each) // _SECTOR
        starts.append(at)
        fat += b"".join(struct.pack("<I", at + number + 1) for number in range(count - 1)) + struct.pack("<I", _END)
        at += count
    directory = bytearray(directory)
    struct.pack_into("<I", directory, 116, starts[2])
    header = struct.pack("<8s16sHHHHH6x", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, 1, starts[0], 0, 4096, starts[1], 1, _END, 0)
    header += struct.pack("<I", 0) + b"\xff" * 108 * 4
    return header + _padded(fat, _SECTOR, b"\xff") + bytes(directory) + sectors[1] + sectors[2]


def _starts(streams: Sequence[tuple[str, bytes]]) -> list[tuple[int, int]]:
    """(first mini sector, number of them) of each stream."""
    found: list[tuple[int, int]] = []
    at = 0
    for _, content in streams:
        count = -(-len(content) // _MINI)
        found.append((at, count))
        at += count
    return found


def _chain(span: tuple[int, int]) -> bytes:
    first, count = span
    return b"".join(struct.pack("<I", first + number + 1) for number in range(count - 1)) + struct.pack("<I", _END)


def _directory(streams: Sequence[tuple[str, bytes]], mini_size: int) -> bytes:
    """The streams hang on each other's right side, which is a tree, too."""
    entries = [_entry("Root Entry", _ROOT, child=1, start=0, size=mini_size)]
    for number, ((name, content), (first, _)) in enumerate(zip(streams, _starts(streams), strict=True), 1):
        right = number + 1 if number < len(streams) else _NONE
        entries.append(_entry(name, _STREAM, right=right, start=first, size=len(content)))
    return b"".join(entries)


def _entry(name: str, kind: int, *, start: int, size: int, right: int = _NONE, child: int = _NONE) -> bytes:
    title = name.encode("utf-16-le") + b"\0\0"
    head = struct.pack("<64sHBBIII", title, len(title), kind, 1, _NONE, right, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)


def _padded(content: bytes, size: int, filler: bytes = b"\0") -> bytes:
    return content + filler * (-len(content) % size)
