"""Ranges of bytes, as a client asks for them (RFC 9110, 14.2)."""

import re
from collections.abc import Mapping

from shared.errors import RangeError

_ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


def asked_range(headers: Mapping[str, str], size_bytes: int, etag: str) -> tuple[int, int] | None:
    """The bytes that are asked for, end exclusive; None for all of them, which also answers what is no single range,
    or is for another version. Raise RangeError when there are none where the range begins."""
    asked = headers.get("range", "")
    found = _ONE.fullmatch(asked.strip())
    if found is None or not any(found.groups()) or headers.get("if-range", etag) != etag:
        return None
    first, last = found.groups()
    start = int(first) if first else max(0, size_bytes - int(last))
    end = min(int(last) + 1, size_bytes) if first and last else size_bytes
    if first and last and int(last) < start:
        return None
    if start >= size_bytes:
        raise RangeError(f"The range {asked!r} begins behind the file's {size_bytes} bytes.", size_bytes=size_bytes)
    return start, end
