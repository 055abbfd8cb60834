"""The clock and the randomness of the machine."""

import secrets
import time
from datetime import UTC, datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: its order is the order of the digits, and none looks like another."""

_CHARACTERS = 26
_RANDOM_BITS = 80


class SystemClock:
    """Implements `Clock`. An id is 48 bits of milliseconds and 80 random ones, as 26 characters."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def new_id(self, prefix: str) -> str:
        number = time.time_ns() // 1_000_000 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        return prefix + "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_CHARACTERS - 1), -1, -5))
