"""API keys: from the secret a client sends to the caller it stands for."""

import hashlib
import hmac

from shared.errors import AuthenticationError, NotFoundError
from shared.ports.keys import ApiKeys, Caller


class KeyRing:
    """Knows keys only by their HMAC under a secret pepper, so that a leaked list of keys opens nothing."""

    def __init__(self, keys: ApiKeys, *, pepper: str) -> None:
        self._keys = keys
        self._pepper = pepper.encode()

    async def authenticate(self, secret: str | None) -> Caller:
        """Raise AuthenticationError when there is no key, or nobody knows it. The message never repeats it."""
        if not secret:
            raise AuthenticationError(
                "You didn't provide an API key. Send it as 'Authorization: Bearer KEY', or as 'api-key: KEY'."
            )
        digest = hmac.digest(self._pepper, secret.encode(), hashlib.sha256).hex()
        try:
            key = await self._keys.find(digest)
        except NotFoundError as error:
            raise AuthenticationError(f"Incorrect API key provided: {_masked(secret)!r}.") from error
        return Caller(tenant=key.tenant, key_id=key.id, principals=key.principals)


def _masked(secret: str) -> str:
    return f"{secret[:3]}***{secret[-4:]}" if len(secret) > 16 else "***"
