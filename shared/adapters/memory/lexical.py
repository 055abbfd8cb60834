"""BM25 over plain words, and over pairs of characters in scripts that write without spaces."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

_UNSPACED = (
    "\u0e01-\u0edf\u1000-\u109f\u1100-\u11ff\u1780-\u17d3"  # Thai, Lao, Burmese, Korean, Khmer
    "\u3005-\u318e\u31a0-\u31ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"  # kana, Bopomofo, Han, Korean
)
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_RUN = re.compile(rf"[{_UNSPACED}]+")
_DROPPED = re.compile("[\u0300-\u036f\u00ad\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff]")
"""Accents, and characters that nobody sees."""

_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75


def bm25(texts: Sequence[str], query: str) -> list[float]:
    """A score for each text; 0 where no word of the query occurs."""
    asked = list(dict.fromkeys(_terms(query, indexing=False)))
    if not asked:
        return [0.0] * len(texts)
    counts = [Counter(_terms(text, indexing=True)) for text in texts]
    mean_length = sum(count.total() for count in counts) / len(counts) if counts else 0.0
    weights = {term: _rarity(term, counts) for term in asked}
    return [
        sum(weight * _saturated(count[term], count.total(), mean_length) for term, weight in weights.items())
        for count in counts
    ]


def _rarity(term: str, counts: Sequence[Counter[str]]) -> float:
    holding = sum(term in count for count in counts)
    return math.log(1 + (len(counts) - holding + 0.5) / (holding + 0.5))


def _saturated(frequency: int, length: int, mean_length: float) -> float:
    if not frequency:
        return 0.0
    norm = 1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * length / mean_length
    return frequency * (_SATURATION + 1) / (frequency + _SATURATION * norm)


def _terms(text: str, *, indexing: bool) -> Iterator[str]:
    """Unspaced scripts count in pairs of characters; the index holds each alone, too, for queries of one."""
    plain = _DROPPED.sub("", unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text)))
    for word in _WORD.findall(unicodedata.normalize("NFC", plain).casefold()):
        if not _RUN.match(word):
            yield word
            continue
        if indexing or len(word) == 1:
            yield from word
        yield from (word[start : start + 2] for start in range(len(word) - 1))
