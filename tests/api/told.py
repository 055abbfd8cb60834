"""What the driver tells the client programs, through their environment; `conftest.py` reads it."""

from tests.scenarios.deck import KEYS, Deck


def told(deck: Deck) -> dict[str, str]:
    return {
        "CONFORMANCE_URL": deck.url,
        "CONFORMANCE_KEY": KEYS["acme"],
        "CONFORMANCE_OTHER_KEY": KEYS["other"],
        "CONFORMANCE_UPSTREAM": deck.upstream.url,
    }
