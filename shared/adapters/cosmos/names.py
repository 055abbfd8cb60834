"""Ids and partition keys out of any text: an item's id takes neither slash, question mark nor hash, and 1,023 bytes."""

import hashlib
import re

from shared.errors import InvalidRequestError

_PLAIN = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)


def plain(text: str) -> str:
    """The text itself where that is safe, else its digest behind a tilde, so no two texts share a name."""
    return text if _PLAIN.fullmatch(text) else f"~{digest(text)}"


def joined(*parts: str) -> str:
    """One synthetic partition key. No part holds the separator, so no separator in a name joins two partitions."""
    return "|".join(plain(part) for part in parts)


def digest(*parts: str) -> str:
    """Letters and digits that stand for these texts, in this order."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = _encoded(part)
        hashed.update(len(encoded).to_bytes(8) + encoded)
    return hashed.hexdigest()


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError("A text holds half a surrogate pair and cannot be stored.") from error
