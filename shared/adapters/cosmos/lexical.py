"""Text as the full-text index is given it, and the words of what a person typed.

We split words ourselves: what the service's analyser makes of scripts that write without spaces is not documented, and
the words must be the same on both sides. Those scripts are cut into overlapping pairs of characters.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

MAX_QUERY_CHARS = 4096
MAX_QUERY_TERMS = 64

_UNSPACED = (
    "\u0e01-\u0edf\u1000-\u109f\u1100-\u11ff\u1780-\u17d3"  # Thai, Lao, Burmese, Korean, Khmer
    "\u3005-\u318e\u31a0-\u31ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"  # kana, Bopomofo, Han, Korean
)
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_RUN = re.compile(rf"[{_UNSPACED}]+")
_DROPPED = re.compile("[\u0300-\u036f\u00ad\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff]")
"""Accents, and characters that nobody sees."""

_SATURATION = 1.2
_LEAST_SCORE = 0.01


def indexed(text: str) -> str:
    """The words of the text, between spaces. Each character of an unspaced script stands alone, too."""
    return " ".join(_terms(text, alone=True))


def asked(text: str) -> list[str]:
    """The words to look for, each once; no syntax in the text has a meaning."""
    return list(dict.fromkeys(_terms(text[:MAX_QUERY_CHARS], alone=False)))[:MAX_QUERY_TERMS]


def scores(texts: Sequence[str], terms: Sequence[str]) -> list[float]:
    """Scores for passages in the service's order, which alone is exact.

    The service ranks by BM25 but does not tell the score. This one, of term frequencies only, is comparable between
    stores and never rises along the order.
    """
    found: list[float] = []
    for text in texts:
        words = text.split()
        counts = [words.count(term) for term in terms]
        score = max(sum(count / (count + _SATURATION) for count in counts), _LEAST_SCORE)
        found.append(min(score, found[-1]) if found else score)
    return found


def _terms(text: str, *, alone: bool) -> Iterator[str]:
    plain = _DROPPED.sub("", unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text)))
    for word in _WORD.findall(unicodedata.normalize("NFC", plain).casefold()):
        if not _RUN.match(word):
            yield word
            continue
        if alone or len(word) == 1:
            yield from word
        yield from (word[start : start + 2] for start in range(len(word) - 1))
