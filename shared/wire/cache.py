"""What a client's headers say about the cache of answers (docs/cache.md)."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import InvalidRequestError

CONTROL = "cache-control"
WISHES = "x-flightdeck-cache"
"""Of a request: what is wished beyond the default. Of an answer: `hit` or `miss`."""


@dataclass(frozen=True, slots=True)
class CacheWish:
    """`read` and `keep` are false where `cache-control` forbids it.

    `always` asks for the cache at any temperature, `tools` also for answers that call tools.
    """

    read: bool = True
    keep: bool = True
    always: bool = False
    tools: bool = False


DEFAULT = CacheWish()


def wish_of(headers: Mapping[str, str]) -> CacheWish:
    """Raise InvalidRequestError for a word of ours that there is not; a directive that we do not know is ignored, as
    RFC 9111 wants it."""
    if CONTROL not in headers and WISHES not in headers:
        return DEFAULT
    control, wishes = _words(headers.get(CONTROL, "")), _words(headers.get(WISHES, ""))
    if unknown := wishes - {"on", "tools"}:
        raise InvalidRequestError(
            f"{WISHES} can be 'on', 'tools' or both with a comma between them, not {min(unknown)!r}.", param=WISHES
        )
    return CacheWish(
        read=not control & {"no-store", "no-cache"},
        keep="no-store" not in control,
        always="on" in wishes,
        tools="tools" in wishes,
    )


def _words(header: str) -> set[str]:
    return {word.strip().lower() for word in header.split(",") if word.strip()}
