"""Cutting a document into passages that fit a model, at the best places its structure offers.

What is too large is cut in two at its best place, and so on: a section that fits stays whole, and an edit moves no cut
but those around it, so that the other passages keep their vectors.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Protocol

from shared.retrieval.breaks import HEADING, Breaks
from shared.retrieval.extraction.document import Document, Heading, Passage

_MAX_DEPTH = 6

_PIECE = 4
_SHORTEST = 4
_SHORTEST_SECTION = 8
"""No piece has over a quarter of the tokens allowed. A cut leaves as many on both sides, an eighth before a heading."""

_NEAR, *_FURTHER = 16, 32, 64, 256
"""Bytes behind a place that choose between equally good ones. An edit among them changes the choice, so they are few;
more of them count only where places begin alike, as the lines of a log do."""


class _Tokenizer(Protocol):
    def count(self, text: str) -> int: ...


def passages(document: Document, max_tokens: int, overlap_tokens: int = 0) -> Iterator[Passage]:
    """The document's passages in order, none over `max_tokens` (o200k), none blank. The same document gives the same.

    They cover all of the text but white space. Each but the first begins with the last of what was before it, as much
    as `overlap_tokens` hold.
    """
    tokenizer = _tokenizer()
    trail = _Trail(document.headings)
    finest = min(max_tokens // _PIECE, overlap_tokens // 2 or max_tokens)
    cutter = _Cutter(document, tokenizer, max_tokens - overlap_tokens, finest)
    for start, text, tokens in cutter.pieces():
        end = start + len(text)
        if overlap_tokens:
            start, text, tokens = cutter.extended(start, end, overlap_tokens)
        first, last = _page(document, start), _page(document, end - 1)
        at, to = document.char_start + start, document.char_start + end
        yield Passage(text, at, to, first, last, trail.at(start), tokens)


@cache
def _tokenizer() -> _Tokenizer:
    """Kept: asking for it again takes as long as many a document."""
    return import_module("rs_bpe.bpe").openai.o200k_base()  # the package has no types


class _Cutter:
    def __init__(self, document: Document, tokenizer: _Tokenizer, max_tokens: int, finest: int) -> None:
        self._text = document.text
        self._count = tokenizer.count
        self._max = max_tokens
        self._breaks = Breaks(document, tokenizer.count, finest)
        self._ranks = list(self._breaks.ranks(_NEAR))

    def pieces(self) -> Iterator[tuple[int, str, int]]:
        """(start, text without white space around it, tokens) of every piece that is not blank."""
        spans = [(0, len(self._breaks.strengths))]
        while spans:
            first, last = spans.pop()
            start, text, tokens = self._measured(first, last)
            if tokens > self._max and last - first > 1:
                cut = self._cut(first, last)
                spans += [(cut, last), (first, cut)]
            elif text:
                yield start, text, tokens

    def extended(self, start: int, end: int, more_tokens: int) -> tuple[int, str, int]:
        """The piece with as much before it as so many tokens hold, from where a cut might be."""
        starts, tokens, allowed = self._breaks.starts, self._breaks.tokens, self._max + more_tokens
        place = bisect_right(starts, start) - 1
        for first in range(bisect_left(tokens, tokens[place] - more_tokens, 0, place), place):
            text = self._text[starts[first] : end].lstrip()
            if (counted := self._count(text)) <= allowed:
                return end - len(text), text, counted
        text = self._text[start:end]
        return start, text, self._count(text)

    def _measured(self, first: int, last: int) -> tuple[int, str, int]:
        """The tokens are exact where they may be few enough."""
        start, end = self._breaks.starts[first], self._breaks.starts[last]
        tokens = self._breaks.tokens[last] - self._breaks.tokens[first]
        if tokens > self._max:
            return start, "", tokens
        raw = self._text[start:end]
        text = raw.strip()
        summed = self._breaks.tokens_without_margins(first, last)
        return start + len(raw) - len(raw.lstrip()), text, self._count(text) if summed is None else summed

    def _cut(self, first: int, last: int) -> int:
        """The best place before a heading, or else the best, that leaves enough on both sides; else the middle."""
        section = self._best(first, last, self._max // _SHORTEST_SECTION)
        if section and self._breaks.strengths[section] >= HEADING:
            return section
        return self._best(first, last, self._max // _SHORTEST) or (first + last) // 2

    def _best(self, first: int, last: int, shortest: int) -> int | None:
        """From the middle onward if all that follows is the same, so that the same text over and over is cut evenly."""
        tokens = self._breaks.tokens
        nearest = bisect_left(tokens, tokens[first] + shortest, first + 1, last)
        furthest = bisect_right(tokens, tokens[last] - shortest, nearest, last)
        ranks = self._ranks[nearest:furthest]
        if not ranks:
            return None
        best, middle = max(ranks), nearest + len(ranks) // 2
        places = [place for place, rank in enumerate(ranks, nearest) if rank == best]
        for size in _FURTHER:
            if len(places) > 1:
                places = self._foremost(places, size)
        return next((place for place in places if place >= middle), places[0])

    def _foremost(self, places: Sequence[int], size: int) -> Sequence[int]:
        """Of those that begin alike, the ones that more of the text behind them chooses."""
        seen = [self._breaks.seen(place, size) for place in places]
        foremost = max(seen)
        return [place for place, found in zip(places, seen, strict=True) if found == foremost]


def _page(document: Document, character: int) -> int | None:
    page = bisect_right(document.page_starts, character)
    return page + document.pages_before if page else None


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
