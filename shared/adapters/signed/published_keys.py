"""The keys with which a directory signs, from where it publishes them.

They change without notice, so one that nobody knows is a reason to ask again: once a minute at most, and never by two
at once, since anybody can make such a name up. While the directory does not answer, those it had count on.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from shared.errors import AuthenticationError, OverloadedError
from shared.ports.clock import Clock

if TYPE_CHECKING:
    import aiohttp
    from jwt import PyJWK

ASK_AGAIN_S = 60
RENEW_S = 24 * 3600
"""As long as Microsoft's own libraries keep them: after it a key that was withdrawn is good no more."""

_DEADLINE_S = 5

log = logging.getLogger(__name__)


class PublishedKeys:
    """The RSA keys at one address, by their ids."""

    def __init__(self, url: str, session: "Callable[[], aiohttp.ClientSession]", clock: Clock) -> None:
        self._url = url
        self._session = session
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._asked: float | None = None
        self._read: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def find(self, key_id: str) -> "PyJWK":
        """Raise AuthenticationError when there is no such key, OverloadedError when that cannot be told."""
        known = self._keys.get(key_id)
        if self._due(known):
            asking = self._refreshed()
            if known is None:  # who leaves early leaves it to the others
                await asyncio.shield(asking)
                known = self._keys.get(key_id)
        elif known is None and self._asking is not None:
            await asyncio.shield(self._asking)
            known = self._keys.get(key_id)
        if known is not None:
            return known
        if self._read is None or self._read != self._asked:
            raise OverloadedError(
                "The keys that tokens are signed with cannot be had at the moment.", retry_after_s=ASK_AGAIN_S
            )
        raise AuthenticationError(f"Your token is signed with a key that its issuer does not publish: {key_id!r}.")

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _due(self, known: "PyJWK | None") -> bool:
        now = self._clock.monotonic()
        if self._asking is not None or (self._asked is not None and now - self._asked < ASK_AGAIN_S):
            return False
        return known is None or self._read is None or now - self._read >= RENEW_S

    def _refreshed(self) -> asyncio.Task[None]:
        self._asked = self._clock.monotonic()
        self._asking = asyncio.create_task(self._refresh(self._asked))
        return self._asking

    async def _refresh(self, asked: float) -> None:
        import aiohttp

        try:
            self._keys = _signing_keys(await self._fetch())
            self._read = asked
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.warning("no signing keys from %s: %s", self._url, error or type(error).__name__)
        finally:
            self._asking = None

    async def _fetch(self) -> bytes:
        async with asyncio.timeout(_DEADLINE_S), self._session().get(self._url, allow_redirects=False) as response:
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            return await response.read()


class _Key(BaseModel):
    model_config = ConfigDict(extra="allow")

    kid: str = ""
    kty: str = ""
    use: str = "sig"


class _Published(BaseModel):
    keys: list[_Key]


def _signing_keys(document: bytes) -> "dict[str, PyJWK]":
    """Those of the set that sign with RSA; what else is in it is of no use here. Raise ValueError when it is no set."""
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    keys: dict[str, PyJWK] = {}
    for one in _Published.model_validate_json(document).keys:
        if one.kty == "RSA" and one.use == "sig":
            try:
                keys[one.kid] = PyJWK(one.model_dump(), algorithm="RS256")
            except PyJWTError as error:
                log.warning("a signing key is not what it should be: %s", error)
    if not keys:
        raise ValueError("no RSA key in it")
    return keys
