"""From the key that a client sends to the caller it stands for."""

import hmac
from collections.abc import Sequence

from shared.errors import AuthenticationError, NotFoundError
from shared.ports.clock import Clock
from shared.ports.keys import ApiKeys, Caller, KeyRecord
from shared.tenancy.secrets import Pepper, redacted
from shared.tenancy.stored import RememberedKeys


class KeyRing:
    """Knows keys only by their HMACs. Asks for those that the deployment brings along first, then the store."""

    def __init__(self, given: ApiKeys, stored: RememberedKeys, pepper: Pepper, clock: Clock) -> None:
        self._given = given
        self._stored = stored
        self._pepper = pepper
        self._clock = clock

    async def authenticate(self, key: str | None) -> Caller:
        """Raise AuthenticationError when there is no key, nobody knows it, or its time is over; the message never
        repeats it. Raise CapacityError when the store has to be asked and does not answer."""
        if not key:
            raise AuthenticationError(
                "You didn't provide an API key. Send it as 'Authorization: Bearer KEY', or as 'api-key: KEY'."
            )
        found = await self._find(key)
        if found.expires_at is not None and found.expires_at <= self._clock.now():
            raise AuthenticationError(f"API key {redacted(key)!r} expired at {found.expires_at:%Y-%m-%d %H:%M:%S} UTC.")
        return Caller(found.tenant, found.id, found.principals, found.scopes, found.limits)

    async def _find(self, key: str) -> KeyRecord:
        digest = self._pepper.hash(key)
        for keys in self._places(key, digest):
            try:
                found = await keys.find(digest)
            except NotFoundError:
                continue
            if hmac.compare_digest(found.hmac, digest):
                return found
        raise AuthenticationError(f"Incorrect API key provided: {redacted(key)!r}.")

    def _places(self, key: str, digest: str) -> Sequence[ApiKeys]:
        """The store only for a key that it may have."""
        worth_it = self._stored.remembers(digest) or self._pepper.made(key)
        return (self._given, self._stored) if worth_it else (self._given,)
