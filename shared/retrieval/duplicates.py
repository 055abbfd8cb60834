"""Passages that say the same, or nearly: copies of a document, its letterhead changed."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
_RUN = 3
_ALIKE = 0.9
_SKETCH = 64
"""Runs of words that are compared of a text, those with the least hashes: as good as all, and 64 at most."""


@dataclass(frozen=True, slots=True)
class _Sketch:
    """What two texts are compared by. `numbers` must agree: two invoices differ in nothing else."""

    numbers: frozenset[str]
    runs: frozenset[int]

    def alike(self, other: "_Sketch") -> bool:
        if self.numbers != other.numbers:
            return False
        least = frozenset(sorted(self.runs | other.runs)[:_SKETCH])
        return len(least & self.runs & other.runs) >= _ALIKE * len(least)


def first_of_each[T](ranked: Iterable[tuple[str, T]]) -> Iterator[T]:
    """What comes with a text, unless a text before it said nearly the same: nine runs of three words in ten.

    Lazy, since a caller wants the first few.
    """
    seen: list[_Sketch] = []
    for text, value in ranked:
        sketch = _sketch(text)
        if not any(sketch.alike(other) for other in seen):
            seen.append(sketch)
            yield value


def _sketch(text: str) -> _Sketch:
    words = _WORD.findall(text.casefold()) or [text]
    runs = {hash(tuple(words[start : start + _RUN])) for start in range(max(1, len(words) - _RUN + 1))}
    numbers = frozenset(word for word in words if any(map(str.isdigit, word)))
    return _Sketch(numbers, frozenset(sorted(runs)[:_SKETCH]))
