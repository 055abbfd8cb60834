"""Cutting a document into passages that fit a model, at the best places its structure offers."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from importlib import import_module
from typing import Protocol

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from shared.retrieval.extraction.document import Document, Heading, Passage

_BLOCK = 2**18
_LINE = 2**13
_LONG_LINE = re.compile(rf"^[^\n]{{{_LINE + 1},}}", re.MULTILINE)
_MAX_DEPTH = 6


class _Tokenizer(Protocol):
    def count(self, text: str) -> int: ...

    def count_till_limit(self, text: str, limit: int) -> int | None: ...


def passages(document: Document, max_tokens: int) -> Iterator[Passage]:
    """The document's passages in order, none over `max_tokens` (o200k), none blank. The same document gives the same.

    They cover all of the text but white space, and never overlap.
    """
    tokenizer: _Tokenizer = import_module("rs_bpe.bpe").openai.o200k_base()  # the package has no types
    trail = _Trail(document.headings)
    for start, text in _pieces(document, tokenizer, max_tokens):
        if not text.isspace():
            end = start + len(text)
            first, last = _page(document, start), _page(document, end - 1)
            yield Passage(text, start, end, first, last, trail.at(start), tokenizer.count(text))


def _pieces(document: Document, tokenizer: _Tokenizer, max_tokens: int) -> Iterator[tuple[int, str]]:
    def size(text: str) -> int:
        tokens = tokenizer.count_till_limit(text, max_tokens)
        return max_tokens + 1 if tokens is None else tokens

    plain = TextSplitter.from_callback(size, max_tokens)
    lines = MarkdownSplitter.from_callback(size, max_tokens) if document.markdown else plain
    at = 0
    for line in _LONG_LINE.finditer(document.text):
        yield from _cut(document.text, at, line.start(), _BLOCK, lines)
        yield from _cut(document.text, line.start(), line.end(), _LINE, plain)
        at = line.end()
    yield from _cut(document.text, at, len(document.text), _BLOCK, lines)


def _cut(
    text: str, at: int, end: int, window: int, splitter: TextSplitter | MarkdownSplitter
) -> Iterator[tuple[int, str]]:
    """Split through a window that moves on: a splitter's time grows with the square of a text without structure.

    A window's last piece may have been cut by the window, so the next window begins with it.
    """
    while at < end:
        stop = min(at + window, end)
        found = splitter.chunk_indices(text[at:stop])
        following = at + found.pop()[0] if stop < end and len(found) > 1 else stop
        yield from ((at + offset, piece) for offset, piece in found)
        at = following


def _page(document: Document, character: int) -> int | None:
    return bisect_right(document.page_starts, character) or None


class _Trail:
    """The path of headings down to a place; places are asked for in order."""

    def __init__(self, headings: tuple[Heading, ...]) -> None:
        self._coming = list(reversed(headings))
        self._path: list[Heading] = []

    def at(self, character: int) -> tuple[str, ...]:
        while self._coming and self._coming[-1].start <= character:
            heading = self._coming.pop()
            self._path = [above for above in self._path if above.level < heading.level] + [heading]
        return tuple(heading.title for heading in self._path[:_MAX_DEPTH])
