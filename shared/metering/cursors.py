"""The cursor of the usage API: opaque to clients, the second where the next page starts to us."""

import base64
import binascii

from shared.errors import InvalidRequestError


def encode_cursor(start: int) -> str:
    return "page_" + base64.urlsafe_b64encode(start.to_bytes(8)).decode().rstrip("=")


def decode_cursor(page: str, *, after: int, before: int, width: int) -> int:
    """Raise InvalidRequestError for a cursor that did not come from this query."""
    encoded = page.removeprefix("page_")
    try:
        start = int.from_bytes(base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise _foreign(page) from error
    if not after < start < before or start % width:
        raise _foreign(page)
    return start


def _foreign(page: str) -> InvalidRequestError:
    return InvalidRequestError(f"`page` is {page[:80]!r}, which is no cursor of this query.", param="page")
