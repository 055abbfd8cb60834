"""Cutting a document into passages that fit a model, at the best places its structure offers.

The places depend on the text around them alone, never on how far from the beginning they are: after an edit, the
passages before and behind it are the same as they were, and keep their vectors.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol
from zlib import crc32

from shared.retrieval.extraction.document import Document, Heading, Passage

CHUNKER = "2"
"""Version of where passages are cut: another one finds none of the vectors that were made before."""

_MAX_DEPTH = 6

_LINES = re.compile(r"[^\n]*\n(?:[^\S\n]*\n)*|[^\n]+")
_SENTENCES = re.compile(r".+?(?:[.!?\u2026][\"'\u201d\u2019)\]]*(?=\s)|[\u3002\uff01\uff1f\uff1b]|$)", re.DOTALL)
_PHRASES = re.compile(r".{48,192}?(?=\s[b-df-hj-np-tv-zB-DF-HJ-NP-TV-Z])|.{1,192}(?=\s)|\s*\S+|\s+", re.DOTALL)
_WORDS = re.compile(r"\s*\S+|\s+")
_RUNS = re.compile(r".{1,32}(?:\u200d.|[\u0300-\u036f\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]){0,8}", re.DOTALL)
_CHARACTERS = re.compile(r".", re.DOTALL)
_LEVELS = (_LINES, _SENTENCES, _PHRASES, _WORDS, _RUNS, _CHARACTERS)
"""Ways to cut what is too large, from the best to the last."""

_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\uff1b:][\"'\u201d\u2019)\]]*\s*\Z")
_BLANK_LINE = re.compile(r"\n\s*\n\Z")
_INSIDE, _WORD, _PHRASE, _LINE, _SENTENCE, _PARAGRAPH, _HEADING = range(7)
"""How good a place is to cut. A heading of level n counts as _HEADING + 6 - n."""

_ATOM = 4
_SHORTEST = 2
_SHORTEST_SECTION = 8
"""A passage has at least a half of the tokens allowed, an eighth if a heading follows; no atom has over a quarter."""

_CHARACTERS_PER_TOKEN = 12
_SEEN = 64


class _Tokenizer(Protocol):
    def count(self, text: str) -> int: ...


@dataclass(frozen=True, slots=True)
class _Atom:
    """A piece of text that is not cut; `strength` is how good a place its beginning is to cut."""

    start: int
    strength: int
    tokens: int


def passages(document: Document, max_tokens: int) -> Iterator[Passage]:
    """The document's passages in order, none over `max_tokens` (o200k), none blank. The same document gives the same.

    They cover all of the text but white space, and never overlap.
    """
    tokenizer: _Tokenizer = import_module("rs_bpe.bpe").openai.o200k_base()  # the package has no types
    trail = _Trail(document.headings)
    for start, text, tokens in _Cutter(document, tokenizer, max_tokens).pieces():
        end = start + len(text)
        first, last = _page(document, start), _page(document, end - 1)
        at, to = document.char_start + start, document.char_start + end
        yield Passage(text, at, to, first, last, trail.at(start), tokens)


class _Cutter:
    def __init__(self, document: Document, tokenizer: _Tokenizer, max_tokens: int) -> None:
        self._text = document.text
        self._count = tokenizer.count
        self._max = max_tokens
        atoms = list(_with_headings(self._atoms(), document.headings))
        self._starts = [atom.start for atom in atoms] + [len(self._text)]
        self._strengths = [atom.strength for atom in atoms]
        self._tokens = [0]  # before each atom; the sum is never less than the tokens of the whole, but for rare cases
        for atom in atoms:
            self._tokens.append(self._tokens[-1] + atom.tokens)

    def pieces(self) -> Iterator[tuple[int, str, int]]:
        """(start, text without white space around it, tokens) of every piece that is not blank."""
        at, last = 0, len(self._strengths)
        while at < last:
            cut = self._cut(at)
            start, text, tokens = self._piece(at, cut)
            while tokens > self._max and cut - at > 1:
                cut -= 1
                start, text, tokens = self._piece(at, cut)
            if text:
                yield start, text, tokens
            at = cut

    def _piece(self, at: int, cut: int) -> tuple[int, str, int]:
        raw = self._text[self._starts[at] : self._starts[cut]]
        text = raw.strip()
        return self._starts[at] + len(raw) - len(raw.lstrip()), text, self._count(text)

    def _cut(self, at: int) -> int:
        """The best place within what one passage can hold; of equally good ones, the one whose text says so."""
        before, last = self._tokens[at], len(self._strengths)
        furthest = max(bisect_right(self._tokens, before + self._max) - 1, at + 1)
        section = self._strongest(at, self._max // _SHORTEST_SECTION, min(furthest, last - 1))
        if section and self._strengths[section] >= _HEADING:
            return section
        if furthest == last:
            return last
        return self._strongest(at, self._max // _SHORTEST, furthest) or furthest

    def _strongest(self, at: int, tokens: int, furthest: int) -> int | None:
        """The best place that leaves so many tokens behind `at`, up to `furthest`."""
        nearest = bisect_left(self._tokens, self._tokens[at] + tokens, at + 1, max(furthest, at + 1))
        places = range(nearest, furthest + 1)
        return max(places, key=lambda place: (self._strengths[place], self._checksum(place)), default=None)

    def _checksum(self, place: int) -> int:
        start = self._starts[place]
        return crc32(self._text[start : start + _SEEN].encode())

    def _atoms(self) -> Iterator[_Atom]:
        return self._split(0, len(self._text), 0, _PARAGRAPH)

    def _split(self, start: int, end: int, level: int, strength: int) -> Iterator[_Atom]:
        """Atoms of a span, cut in the way of `level`; what is still too large, in the next."""
        for found in _LEVELS[level].finditer(self._text, start, end):
            long = found.end() - found.start() > self._max // _ATOM * _CHARACTERS_PER_TOKEN
            tokens = 0 if long else self._count(found[0])
            if level < len(_LEVELS) - 1 and (long or tokens > self._max // _ATOM):
                yield from self._split(found.start(), found.end(), level + 1, strength)
            else:
                yield _Atom(found.start(), strength, tokens)
            strength = _strength(level, found[0])


def _strength(level: int, before: str) -> int:
    """Of the place behind `before`."""
    if level == 0:
        if _BLANK_LINE.search(before[-_SEEN:]):
            return _PARAGRAPH
        return _SENTENCE if _SENTENCE_END.search(before[-_SEEN:]) else _LINE
    return (_SENTENCE, _PHRASE, _WORD, _INSIDE, _INSIDE)[level - 1]


def _with_headings(atoms: Iterator[_Atom], headings: tuple[Heading, ...]) -> Iterator[_Atom]:
    """Where a heading begins, or the line that it stands in."""
    coming = list(reversed(headings))
    held: _Atom | None = None
    for atom in atoms:
        if held:
            yield _headed(held, atom.start, coming)
        held = atom
    if held:
        yield _headed(held, None, coming)


def _headed(atom: _Atom, end: int | None, coming: list[Heading]) -> _Atom:
    level = _MAX_DEPTH + 1
    while coming and (end is None or coming[-1].start < end):
        level = min(level, coming.pop().level)
    return atom if level > _MAX_DEPTH else _Atom(atom.start, _HEADING + _MAX_DEPTH - level, atom.tokens)


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
