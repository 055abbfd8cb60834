"""Answers of models that are kept for a tenant, taken away."""

from dataclasses import dataclass

from shared.gateway.fingerprints import SPACE
from shared.ports.cache import AnswerCache
from shared.ports.erasure import Leaving, Turn

_PAGE = 100


@dataclass(frozen=True, slots=True)
class ErasedAnswers:
    """Those grounded in what some principals may read, and questions alike, have spaces that nobody lists: they expire
    within `FLIGHTDECK_CACHE_TTL_S`, and nobody can ask for them any more."""

    cache: AnswerCache

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        del position
        erased = await self.cache.forget(leaving.tenant, SPACE, limit=_PAGE)
        return Turn(erased, "more" if erased else None)
