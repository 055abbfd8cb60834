"""Text as the full-text index is given it, and the words of what a person typed.

We split words ourselves: what the service's analyser makes of scripts that write without spaces is not documented, and
the words must be the same on both sides. Those scripts are cut into overlapping pairs of characters.
"""

from collections.abc import Sequence

from shared.ports.words import words_of

MAX_QUERY_CHARS = 4096
MAX_QUERY_TERMS = 64

_SATURATION = 1.2
_LEAST_SCORE = 0.01


def indexed(text: str) -> str:
    """The words of the text, between spaces. Each character of an unspaced script stands alone, too."""
    return " ".join(words_of(text, alone=True))


def asked(text: str) -> list[str]:
    """The words to look for, each once; no syntax in the text has a meaning."""
    return list(dict.fromkeys(words_of(text[:MAX_QUERY_CHARS], alone=False)))[:MAX_QUERY_TERMS]


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
