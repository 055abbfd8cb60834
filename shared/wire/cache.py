"""What a client's headers say about the cache of answers (docs/cache.md)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import InvalidRequestError

CONTROL = "cache-control"
WISHES = "x-flightdeck-cache"
"""Of a request: what is wished beyond the default. Of an answer: `hit`, `semantic` or `miss`."""
SIMILARITY = "x-flightdeck-cache-similarity"
"""Of an answer to a question that means the same: how alike the two are, up to 1."""

_SIMILARITY_IS = "similarity="


@dataclass(frozen=True, slots=True)
class CacheWish:
    """`read` and `keep` are false where `cache-control` forbids it.

    `always` asks for the cache at any temperature, `tools` also for answers that call tools; `exact` wants nothing but
    answers to the same question, `similarity` none to less similar ones.
    """

    read: bool = True
    keep: bool = True
    always: bool = False
    tools: bool = False
    exact: bool = False
    similarity: float = 0


DEFAULT = CacheWish()


def wish_of(headers: Mapping[str, str]) -> CacheWish:
    """Raise InvalidRequestError for a word of ours that there is not; a directive that we do not know is ignored, as
    RFC 9111 wants it."""
    if CONTROL not in headers and WISHES not in headers:
        return DEFAULT
    control, wishes = _words(headers.get(CONTROL, "")), _words(headers.get(WISHES, ""))
    similarities = {word for word in wishes if word.startswith(_SIMILARITY_IS)}
    if unknown := wishes - similarities - {"on", "tools", "exact"}:
        raise InvalidRequestError(
            f"{WISHES} can be 'on', 'tools', 'exact' and 'similarity=0.97' with commas between them, not "
            f"{min(unknown)!r}.",
            param=WISHES,
        )
    return CacheWish(
        read=not control & {"no-store", "no-cache"},
        keep="no-store" not in control,
        always="on" in wishes,
        tools="tools" in wishes,
        exact="exact" in wishes,
        similarity=max(map(_similarity, similarities), default=0),
    )


def _similarity(word: str) -> float:
    try:
        given = float(word.removeprefix(_SIMILARITY_IS))
    except ValueError:
        given = math.nan
    if not 0 <= given <= 1:
        raise InvalidRequestError(f"{WISHES} has {word!r}; a similarity is a number from 0 to 1.", param=WISHES)
    return given


def _words(header: str) -> set[str]:
    return {word.strip().lower() for word in header.split(",") if word.strip()}
