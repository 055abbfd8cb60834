"""Entra ID's access tokens, as it signs them for us: https://learn.microsoft.com/entra/identity-platform/access-tokens.

PyJWT is imported with the first token: whoever uses API keys alone does not pay for it.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from shared.adapters.signed.published_keys import PublishedKeys
from shared.errors import AuthenticationError
from shared.ports.clock import Clock

if TYPE_CHECKING:
    import aiohttp

_ALGORITHMS = ["RS256"]
"""What Entra signs with. A token does not choose: `none`, or an HMAC with the public key, is refused by its name."""

_LEEWAY_S = 60
_REQUIRED = ["exp", "nbf", "iss", "aud", "tid"]


class Directory:
    """Implements `BearerTokens`: tokens in version 2.0 of the tenants that are allowed, for one of our `audiences`."""

    def __init__(
        self,
        authority: str,
        tenants: Collection[str],
        audiences: Collection[str],
        session: "Callable[[], aiohttp.ClientSession]",
        clock: Clock,
    ) -> None:
        self._audiences = list(audiences)
        self._issuers = {tenant: f"{authority}/{tenant}/v2.0" for tenant in tenants}
        self._keys = {
            tenant: PublishedKeys(f"{authority}/{tenant}/discovery/v2.0/keys", session, clock) for tenant in tenants
        }

    async def claims(self, token: str) -> Mapping[str, object]:
        import jwt

        try:
            key_id, tenant = _unproven(token)
        except jwt.PyJWTError as error:
            raise AuthenticationError(f"Your token is no token: {error}.") from error
        return await self._proven(token, key_id, tenant)

    async def _proven(self, token: str, key_id: str, tenant: str) -> Mapping[str, object]:
        import jwt

        if tenant not in self._issuers:
            raise AuthenticationError(f"Tokens of the directory {tenant[:80]!r} are not accepted here.")
        key = await self._keys[tenant].find(key_id)
        try:
            return jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self._audiences,
                issuer=self._issuers[tenant],
                leeway=_LEEWAY_S,
                options={"require": _REQUIRED, "enforce_minimum_key_length": True},
            )
        except jwt.InvalidIssuerError as error:
            raise AuthenticationError(
                f"Your token is not of the issuer {self._issuers[tenant]!r}: the app's registration has to ask for"
                " access tokens in version 2.0."
            ) from error
        except jwt.PyJWTError as error:
            raise AuthenticationError(f"Your token is refused: {error}.") from error

    async def close(self) -> None:
        await asyncio.gather(*(keys.close() for keys in self._keys.values()))


def _unproven(token: str) -> tuple[str, str]:
    """Which key of which tenant the token claims to be signed with: only to know what to prove it by."""
    import jwt

    header: dict[str, Any] = jwt.get_unverified_header(token)
    if header.get("alg") not in _ALGORITHMS:
        raise AuthenticationError(f"Your token is signed with {str(header.get('alg'))[:20]!r}; it has to be RS256.")
    claims = jwt.decode(token, options={"verify_signature": False})
    return str(header.get("kid", ""))[:200], str(claims.get("tid", "")).lower()
