"""Content words of a text, for languages with and without spaces: what a question is about, less how it is asked."""

import re
import unicodedata
from collections import defaultdict

from shared.retrieval.function_words import QUESTIONS

# Scripts that write without spaces: Thai, Lao, Burmese, Khmer, Kana, Han.
_UNSPACED = "\u0e01-\u0edf\u1000-\u109f\u1780-\u17d3\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff"
_RUNS = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_UNSPACED_RUN = re.compile(rf"[{_UNSPACED}]")
_GRAMMAR = re.compile(
    "[\u3041-\u309f何的了是在有和与或吗呢吧啊几哪谁么什怎多少我你您他她它们这那个为从对把被就都也不没请及每之其]+"
)
"""Hiragana, and the characters of Chinese that ask and join."""
_ACCENTS = re.compile("[\u0300-\u036f]")
_SHORTEST = 3
_STEM = 4
_STEM_HANGUL = 2
_LONGEST_ENDING = 3

_STOP = frozenset(word for words in QUESTIONS.values() for word in words.split())


def content_words(text: str) -> frozenset[str]:
    """Distinct words that carry meaning, folded to lower case without accents.

    Scripts without spaces give pairs of neighbouring characters instead. When nothing but function words is left, they
    count after all: "to be or not to be" is a question, too.
    """
    words = frozenset(word for run in _runs(text) for word in (_pairs_of_content(run) if _is_unspaced(run) else [run]))
    meaning = frozenset(w for w in words if w not in _STOP and (len(w) >= _SHORTEST or not w.isascii() or w.isdigit()))
    return meaning or words


def coverage(wanted: frozenset[str], text: str) -> float:
    """The share of the wanted words that occur in the text, endings aside; 0 if none is wanted."""
    if not wanted:
        return 0.0
    present: defaultdict[str, set[str]] = defaultdict(set)
    for run in _runs(text):
        for word in [*run, *_pairs(run)] if _is_unspaced(run) else [run]:
            present[_beginning(word)].add(word)
    return sum(_occurs(word, present.get(_beginning(word), set())) for word in wanted) / len(wanted)


def _runs(text: str) -> list[str]:
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text)))
    return _RUNS.findall(unicodedata.normalize("NFC", plain).casefold())


def _is_unspaced(run: str) -> bool:
    return _UNSPACED_RUN.match(run) is not None


def _pairs_of_content(run: str) -> list[str]:
    parts = [part for part in _GRAMMAR.split(run) if len(part) > 1] or [run]
    return [pair for part in parts for pair in _pairs(part)]


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def _is_hangul(word: str) -> bool:
    return "\uac00" <= word[0] <= "\ud7a3"


def _beginning(word: str) -> str:
    return word[: _STEM_HANGUL if _is_hangul(word) else _SHORTEST]


def _occurs(word: str, present: set[str]) -> bool:
    return word in present or any(_same_but_for_ending(word, other) for other in present)


def _same_but_for_ending(one: str, other: str) -> bool:
    """`deploy` and `deployed`, `Vertrag` and `Verträge`, `policy` and `policies`; a short word may only grow by one."""
    short, long = sorted((one, other), key=len)
    shared = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if shared == len(short) == _SHORTEST:
        return len(long) == len(short) + 1
    return shared >= (_STEM_HANGUL if _is_hangul(one) else _STEM) and len(long) - shared <= _LONGEST_ENDING
