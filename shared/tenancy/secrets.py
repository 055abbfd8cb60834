"""Keys themselves: how one is made, known again, and shown. `fd_{id}_{256 random bits}{check}`, in URL-safe base64.

The check is a code of all before it under the pepper. It keeps nothing secret and grants nothing; it tells keys that
we made from those that somebody made up, so that guessing asks the store nothing.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

_RANDOM_BYTES = 32
_CHECK = 6
"""Characters: one guess in 2^36 gets as far as the store."""

_FORM = re.compile(rf"fd_([0-9a-z]+)_([A-Za-z0-9_-]{{43}}[A-Za-z0-9_-]{{{_CHECK}}})", re.ASCII)
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Pepper:
    """The secret under which keys are hashed, so that a leaked list of hashes opens nothing."""

    secret: bytes

    def hash(self, key: str) -> str:
        """The HMAC-SHA256 in hex."""
        return hmac.digest(self.secret, key.encode(), hashlib.sha256).hex()

    def make(self, number: str) -> str:
        """A new key. `number`, lower-case letters and digits, says which it is."""
        body = f"fd_{number}_{secrets.token_urlsafe(_RANDOM_BYTES)}"
        return body + self._check(body)

    def made(self, key: str) -> bool:
        """Whether the key is one of ours, as far as can be said without the store."""
        if _FORM.fullmatch(key) is None:
            return False
        return hmac.compare_digest(self._check(key[:-_CHECK]), key[-_CHECK:])

    def pseudonym(self, tenant: str) -> str:
        """What stays of a tenant that is erased: always the same, and nobody gets back from it to the name."""
        return "erased-" + hmac.digest(self.secret, b"tenant:" + tenant.encode(), hashlib.sha256).hex()[:32]

    def _check(self, body: str) -> str:
        code = hmac.digest(self.secret, b"check:" + body.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(code)[:_CHECK].decode()


def redacted(key: str) -> str:
    """What may be shown: enough to tell two keys of one owner apart."""
    return f"{key[:3]}***{key[-_SHOWN:]}" if len(key) > 4 * _SHOWN else "***"
