"""BM25 over plain words, and over pairs of characters in scripts that write without spaces."""

import math
from collections import Counter
from collections.abc import Sequence

from shared.ports.words import words_of

_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75


def bm25(texts: Sequence[str], query: str) -> list[float]:
    """A score for each text; 0 where no word of the query occurs."""
    asked = list(dict.fromkeys(words_of(query, alone=False)))
    if not asked:
        return [0.0] * len(texts)
    counts = [Counter(words_of(text, alone=True)) for text in texts]
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
