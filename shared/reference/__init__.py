"""The API's description, as the app answers with it: the OpenAPI document that `python -m local.reference` writes, and
the page for people that is made from it.
"""

import functools
import json
from pathlib import Path

DOCUMENT = Path(__file__).with_name("openapi.json")


@functools.cache
def document() -> bytes:
    """Read at the first request for it."""
    return DOCUMENT.read_bytes()


@functools.cache
def page() -> bytes:
    """Made at the first request for it."""
    from shared.reference.page import written

    return written(json.loads(document())).encode()
