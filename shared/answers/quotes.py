"""Quotations in an answer: where they are, and where in a passage their words stand."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_PAIRS = (
    ("\u201c\u201e\u201d", "\u201d\u201c"),
    ('"', '"'),
    ("\u00ab", "\u00bb"),
    ("\u00bb", "\u00ab"),
    ("\u300c", "\u300d"),
)
_QUOTED = re.compile("|".join(f"[{begin}]([^{begin}{end}]*)[{end}]" for begin, end in _PAIRS))
_ELLIPSIS = re.compile(r"\s*(?:\[?\.\.\.\]?|\[?\u2026\]?)\s*")
_ENDS = " .,;:!?\u3002\uff0c"
_LEAST_WORDS = 3
_LEAST_UNSPACED = 6
_MARKS = {
    "'": '"\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d\u2018\u2019\u201a\u2032',
    "-": "\u2010\u2011\u2012\u2013\u2014\u2212",
}
_ALIKE = {ord(mark): plain for plain, marks in _MARKS.items() for mark in marks}


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of a passage's text, end exclusive."""

    start: int
    end: int


def quotations(claim: str) -> list[str]:
    """What a statement puts in quotation marks: three words or more. Less is a name, or a word held at arm's length."""
    found = (next(filter(None, match.groups()), "") for match in _QUOTED.finditer(claim))
    return [quoted for quoted in found if _is_long(quoted)]


def outside(text: str) -> str:
    """The text with what stands in quotation marks made blank, in the same places."""
    return _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), text)


def locate(quoted: str, text: str) -> Span | None:
    """Where the words of a quotation stand in a text: white space, case, accents and the form of marks aside.

    What an ellipsis leaves out may be anything; the parts must follow one another.
    """
    folded, places = _folded(text)
    start: int | None = None
    position = 0
    for part in _ELLIPSIS.split(quoted):
        wanted = _folded(part)[0].strip(_ENDS)
        if not wanted:
            continue
        found = folded.find(wanted, position)
        if found < 0:
            return None
        start = found if start is None else start
        position = found + len(wanted)
    return None if start is None else Span(places[start], places[position - 1] + 1)


def _is_long(quoted: str) -> bool:
    words = quoted.split()
    unspaced = sum(not letter.isascii() and unicodedata.category(letter) == "Lo" for letter in quoted)
    return len(words) >= _LEAST_WORDS or unspaced >= _LEAST_UNSPACED


def _folded(text: str) -> tuple[str, list[int]]:
    """The text as it is compared, and for each of its characters which one of the text it comes from."""
    pairs = list(_characters(text))
    return "".join(character for character, _ in pairs), [place for _, place in pairs]


def _characters(text: str) -> Iterator[tuple[str, int]]:
    spaced = True
    for place, character in enumerate(text):
        if character.isspace():
            if not spaced:
                yield " ", place
            spaced = True
            continue
        for folded in unicodedata.normalize("NFKD", character).casefold().translate(_ALIKE):
            if unicodedata.category(folded) != "Cf" and not "\u0300" <= folded <= "\u036f":
                yield folded, place
                spaced = False
