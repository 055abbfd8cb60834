"""The places where a text can be cut, how good each is, and how many tokens lie between them.

Whether there is a place, and how good it is, depends on the text around it alone, never on how far from the beginning
it is: an edit changes no place but its own.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from zlib import crc32

from shared.retrieval.extraction.document import Document, Heading

_INSIDE, _WORD, _CLAUSE, _LINE, _SENTENCE, _PARAGRAPH, HEADING = range(7)
"""How good a place is. Before a heading of level n it is HEADING + 6 - n."""

_MAX_LEVEL = 6
_TONE_MARKS = "\u0300-\u036f\ufe00-\ufe0f\U0001f3fb-\U0001f3ff"
_ENDS = (
    (re.compile(r"\n(?:[^\S\n]*+\n)++"), _PARAGRAPH),
    (re.compile(r"\n(?:[^\S\n]*+\n)*+"), _LINE),
    (re.compile(r"[.!?\u2026][\"'\u201d\u2019)\]]*(?=\s)|[\u3002\uff01\uff1f\uff1b]"), _SENTENCE),
    (re.compile(r"[,;:)\]}](?=\s)|[\uff0c\u3001\uff1a]"), _CLAUSE),
    (re.compile(r"(?=\s[^\sg-z])"), _WORD),
    (re.compile(r"(?:\s*+\S++){1,8}|\s+"), _WORD),
    (re.compile(rf".{{11,31}}?[05aA]|.{{1,32}}(?:\u200d.|[{_TONE_MARKS}]){{0,8}}", re.DOTALL), _INSIDE),
    (re.compile(r".", re.DOTALL), _INSIDE),
)
"""Where pieces end, from the best way to cut what is too large to the last. Words are first cut before some letters
only, and runs without a space behind some only: that is as good as anywhere, and makes few pieces."""

_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\uff1b:][\"'\u201d\u2019)\]]*\s*\Z")
_APART = re.compile(r"(?<=\n)(?=[^\S\n]*[^\s/])|(?<=\S)(?=[ \t])")
"""Where no token reaches across, whatever is on both sides: o200k takes spaces with what follows, line feeds and the
slashes behind them with what is before."""

_FEW = 3
_CHECKSUM_BITS = 32
_TAIL = 16
_CHARACTERS_PER_TOKEN = 6
"""What has more than that many times the tokens of a piece is cut further without counting."""


class Breaks:
    """`starts` are the characters where the pieces begin, and the end of the text; `strengths` say how good it is to
    cut there; `tokens` are the sums before each. No piece has more than `most_tokens`, but a single character may.
    """

    def __init__(self, document: Document, count: Callable[[str], int], most_tokens: int) -> None:
        self._text = document.text
        self._count = count
        self._most = most_tokens
        self._counts: list[int] = []
        self.starts: list[int] = []
        self.strengths: list[int] = []
        for start, end, strength in _sections(document):
            self._add_section(start, end, strength)
        self.starts.append(len(self._text))
        # A sum is never less than the tokens of the whole, but for rare cases.
        self.tokens: Sequence[int] = list(accumulate(self._counts, initial=0))

    def ranks(self, near: int) -> Iterator[int]:
        """What chooses between the places: how strong they are, then what is seen so near behind them."""
        for place, strength in enumerate(self.strengths):
            yield (strength << _CHECKSUM_BITS) + self.seen(place, near)

    def seen(self, place: int, size: int) -> int:
        """A checksum of so many bytes (UTF-8) behind a place: what edits of it change is as long in any script."""
        start = self.starts[place]
        return crc32(self._text[start : start + size].encode()[:size])

    def tokens_without_margins(self, first: int, last: int) -> int | None:
        """The tokens, exactly, of the pieces from `first` to `last` without white space around them, as the sum of
        theirs; None where they may be fewer together than one by one."""
        starts = self.starts
        if last - first < _FEW or not all(_APART.match(self._text, place) for place in starts[first + 1 : last]):
            return None
        head = self._text[starts[first] : starts[first + 1]].lstrip()
        tail = self._text[starts[last - 1] : starts[last]].rstrip()
        if not head or not tail:
            return None
        within = self.tokens[last - 1] - self.tokens[first + 1]
        return self._counted(first, head) + within + self._counted(last - 1, tail)

    def _counted(self, piece: int, text: str) -> int:
        """The tokens of what is left of a piece."""
        whole = len(text) == self.starts[piece + 1] - self.starts[piece]
        return self.tokens[piece + 1] - self.tokens[piece] if whole else self._count(text)

    def _add_section(self, start: int, end: int, strength: int) -> None:
        """No worse place than behind a heading."""
        first = len(self.starts)
        self._split(start, end, 0, strength)
        below = first + 1
        if strength >= HEADING and below < len(self.starts):
            heading = self._text[start : self.starts[below]]
            self.strengths[below] = _INSIDE if "\n" not in heading.strip() else self.strengths[below]

    def _split(self, start: int, end: int, level: int, strength: int) -> None:
        """Add the pieces of a span, cut in the way of `level`; what is still too large, in the next."""
        ends, next_strength = _ENDS[level]
        for found in ends.finditer(self._text, start, end):
            if found.end() > start:
                self._add(start, found.end(), level, strength)
                start = found.end()
                strength = self._behind(start, next_strength)
        if start < end:
            self._add(start, end, level, strength)

    def _add(self, start: int, end: int, level: int, strength: int) -> None:
        last = level == len(_ENDS) - 1
        long = end - start > self._most * _CHARACTERS_PER_TOKEN
        tokens = 0 if long else self._count(self._text[start:end])
        if not last and (long or tokens > self._most):
            self._split(start, end, level + 1, strength)
        else:
            self.starts.append(start)
            self.strengths.append(strength)
            self._counts.append(tokens)

    def _behind(self, place: int, strength: int) -> int:
        """A line that ends with a sentence is as good an end."""
        ends_sentence = strength == _LINE and _SENTENCE_END.search(self._text, max(0, place - _TAIL), place)
        return _SENTENCE if ends_sentence else strength


def _sections(document: Document) -> Iterator[tuple[int, int, int]]:
    """(start, end, strength) of what stands under each heading, from the line that the heading stands in."""
    start, strength = 0, _PARAGRAPH
    for heading in document.headings:
        line = document.text.rfind("\n", start, heading.start) + 1 or start
        if line > start:
            yield start, line, strength
            start, strength = line, _PARAGRAPH
        strength = max(strength, _before(heading))
    yield start, len(document.text), strength


def _before(heading: Heading) -> int:
    return HEADING + _MAX_LEVEL - min(heading.level, _MAX_LEVEL)
