"""Where a file that is too large for one go is cut: at lines that an edit elsewhere in it does not move."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from zlib import crc32

from shared.retrieval.extraction.document import Document, Part

_WINDOW = 2**16
_SEEN = 64


def line_cut[T: (bytes, str)](content: T, newline: T, unit: int = 1) -> int | None:
    """Where to cut near the end of `content`: the beginning of a line; None when no line begins there.

    Of the lines that begin in the last 64 Ki, the one whose first bytes have the lowest checksum is taken: after an
    insertion further up it is most likely the same. `unit` is the length in bytes of the encoding's code units.
    """
    starts = _line_starts(content, newline, unit)
    return min(starts, key=lambda at: _checksum(content[at : at + _SEEN]), default=None)


def parts_of(document: Document, characters: int) -> Iterator[Part]:
    """The whole document in parts of at most so many characters."""
    at = 0
    while at < len(document.text):
        window = document.text[at : at + characters]
        cut = line_cut(window, "\n") if at + characters < len(document.text) else None
        end = at + (cut or len(window))
        yield Part("characters", at, end, at)
        at = end


def piece(document: Document, part: Part) -> Document:
    """That part of the whole, with the pages and the headings that it begins under."""
    first = max(0, bisect_right(document.page_starts, part.start) - 1)
    starts = tuple(max(0, start - part.start) for start in document.page_starts[first:] if start < part.end)
    headings = tuple(replace(each, start=max(0, each.start - part.start)) for each in document.headings)
    return Document(document.text[part.start : part.end], starts, headings, part.char_start, first)


def _line_starts[T: (bytes, str)](content: T, newline: T, unit: int) -> Iterator[int]:
    at = max(0, len(content) - _WINDOW)
    while (found := content.find(newline, at)) >= 0:
        at = found + 1
        start = found + len(newline)
        if start % unit == 0 and start + _SEEN <= len(content):
            yield start


def _checksum(line: bytes | str) -> int:
    return crc32(line.encode(errors="replace") if isinstance(line, str) else line)
