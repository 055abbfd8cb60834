"""How good a ranking is, in the measures that the literature uses."""

import math
from collections.abc import Mapping, Sequence, Set


def recall[Id](ranked: Sequence[Id], relevant: Sequence[Id] | Set[Id], count: int) -> float:
    """The share of what is relevant that the first `count` of a ranking hold.

    A sequence of relevant ones is itself a ranking: then its first `count` are meant.
    """
    wanted = set(relevant) if isinstance(relevant, Set) else set(relevant[:count])
    return len(wanted & set(ranked[:count])) / len(wanted) if wanted else 0.0


def ndcg[Id](ranked: Sequence[Id], grades: Mapping[Id, float], count: int) -> float:
    """Normalised discounted cumulative gain of the first `count`: gain 2^grade - 1, discount log2(rank + 1).

    1 for a perfect ranking, 0 when nothing relevant is among them (Järvelin and Kekäläinen, 2002; Burges, 2005).
    """
    ideal = _gain(sorted(grades.values(), reverse=True)[:count])
    return _gain([grades.get(one, 0.0) for one in ranked[:count]]) / ideal if ideal else 0.0


def _gain(grades: Sequence[float]) -> float:
    return sum((2**grade - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))
