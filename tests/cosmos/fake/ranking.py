"""The two rankings, by plain exact arithmetic over the items of one partition."""

import math
from collections import Counter
from collections.abc import Sequence

_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = math.sqrt(math.sumprod(one, one) * math.sumprod(other, other))
    return math.sumprod(one, other) / lengths if lengths else 0.0


def words(text: str) -> list[str]:
    return text.casefold().split()


def bm25(texts: Sequence[str], terms: Sequence[str]) -> list[float]:
    counts = [Counter(words(text)) for text in texts]
    mean = sum(count.total() for count in counts) / len(counts) if counts else 1.0
    scores = [0.0] * len(counts)
    for term in (term.casefold() for term in terms):
        holding = sum(term in count for count in counts)
        rarity = math.log(1 + (len(counts) - holding + 0.5) / (holding + 0.5))
        for place, count in enumerate(counts):
            norm = 1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * count.total() / (mean or 1.0)
            scores[place] += rarity * count[term] * (_SATURATION + 1) / (count[term] + _SATURATION * norm)
    return scores
