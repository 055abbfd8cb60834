"""What the driver tells the product and the client programs; `conftest.py` reads the programs' part."""

import json

from tests.scenarios.deck import KEYS, Deck, catalogue
from tests.upstream import ScriptedUpstream


def product_settings(upstream: ScriptedUpstream) -> dict[str, str]:
    """A catalogue with a name of OpenAI's, too: LlamaIndex's class knows no others."""
    deployment = {"id": "scripted-gpt", "endpoint": upstream.endpoint, "model": "chat"}
    return {"FLIGHTDECK_MODELS": json.dumps(catalogue(upstream) | {"gpt-4o-mini": {"deployments": [deployment]}})}


def told(deck: Deck) -> dict[str, str]:
    return {
        "CONFORMANCE_URL": deck.url,
        "CONFORMANCE_KEY": KEYS["acme"],
        "CONFORMANCE_OTHER_KEY": KEYS["other"],
        "CONFORMANCE_UPSTREAM": deck.upstream.url,
    }
