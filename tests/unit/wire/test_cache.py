"""Headers about the cache."""

import pytest

from shared.errors import InvalidRequestError
from shared.wire.cache import CacheWish, wish_of


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({}, CacheWish()),
        ({"cache-control": "no-store"}, CacheWish(read=False, keep=False)),
        ({"cache-control": "max-age=0, No-Store"}, CacheWish(read=False, keep=False)),
        ({"cache-control": "no-cache"}, CacheWish(read=False)),
        ({"cache-control": "max-age=60"}, CacheWish()),
        ({"x-flightdeck-cache": "on, tools"}, CacheWish(always=True, tools=True)),
        ({"x-flightdeck-cache": "exact"}, CacheWish(exact=True)),
        ({"x-flightdeck-cache": "on, similarity=0.97"}, CacheWish(always=True, similarity=0.97)),
        ({"x-flightdeck-cache": ""}, CacheWish()),
    ],
)
def test_what_headers_say(headers: dict[str, str], wish: CacheWish) -> None:
    assert wish_of(headers) == wish


def test_a_word_of_ours_that_there_is_not_is_named() -> None:
    with pytest.raises(InvalidRequestError, match="'maybe'") as refused:
        wish_of({"x-flightdeck-cache": "on, maybe"})
    assert refused.value.param == "x-flightdeck-cache"


@pytest.mark.parametrize("given", ["", "much", "nan", "1.1", "-0.1"])
def test_a_similarity_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"'similarity={given}'"):
        wish_of({"x-flightdeck-cache": f"similarity={given}"})
