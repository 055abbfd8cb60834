"""Who the app is to Azure: Entra tokens of its identity, by scope.

A token is fetched by the first who needs it and kept. In its last minutes it is renewed in the background while callers
still get the old one, and never by two at once. `DefaultAzureCredential` asks, in this order: the environment's service
principal, workload identity, managed identity, then the developer's own sign-ins (az, azd, ...).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from shared.errors import OverloadedError

if TYPE_CHECKING:
    from types import TracebackType

    from azure.core.credentials import AccessToken
    from azure.core.credentials_async import AsyncTokenCredential

MODELS_SCOPE = "https://cognitiveservices.azure.com/.default"

REFRESH_AHEAD_S = 300
RETRY_S = 30
_LAST_MOMENT_S = 10


class _Cached:
    """The token of one scope. `retry_at` keeps a failing identity endpoint from being asked at every request."""

    def __init__(self) -> None:
        self.token: AccessToken | None = None
        self.refreshing: asyncio.Task[AccessToken] | None = None
        self.retry_at = 0.0

    def usable(self, now: float) -> bool:
        return self.token is not None and now < self.token.expires_on - _LAST_MOMENT_S

    def due(self, now: float) -> bool:
        return now >= self.retry_at and (self.token is None or now > self.token.expires_on - REFRESH_AHEAD_S)


class Identity:
    """An AsyncTokenCredential for every client of the process. Makes the credential at the first token."""

    def __init__(self, client_id: str | None = None, *, credential: "AsyncTokenCredential | None" = None) -> None:
        self._client_id = client_id
        self._credential = credential
        self._cached: dict[tuple[str, ...], _Cached] = {}

    async def get_token(self, *scopes: str, **options: Any) -> "AccessToken":
        """Raise OverloadedError when there is no token and none can be had."""
        if any(options.get(name) for name in ("claims", "tenant_id")):  # a challenge: what is kept is not good enough
            return await self._fetch(scopes, options)
        cached, now = self._cached.setdefault(scopes, _Cached()), time.time()
        if cached.token is not None and cached.usable(now):
            if cached.due(now):
                self._refreshed(scopes, cached)
            return cached.token
        return await asyncio.shield(self._refreshed(scopes, cached))

    def bearer(self, scope: str) -> Callable[[], Awaitable[str]]:
        """A function that gives the value of an Authorization header."""

        async def header() -> str:
            return f"Bearer {(await self.get_token(scope)).token}"

        return header

    async def close(self) -> None:
        tasks = [cached.refreshing for cached in self._cached.values() if cached.refreshing is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._credential is not None:
            await self._credential.close()

    async def __aenter__(self) -> "Identity":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: "TracebackType | None" = None,
    ) -> None:
        await self.close()

    def _refreshed(self, scopes: tuple[str, ...], cached: _Cached) -> "asyncio.Task[AccessToken]":
        if cached.refreshing is None:
            cached.refreshing = asyncio.create_task(self._refresh(scopes, cached))
            cached.refreshing.add_done_callback(_seen)
        return cached.refreshing

    async def _refresh(self, scopes: tuple[str, ...], cached: _Cached) -> "AccessToken":
        try:
            cached.token = await self._fetch(scopes, {})
        except OverloadedError:
            cached.retry_at = time.time() + RETRY_S
            if cached.token is None or not cached.usable(time.time()):
                raise
        finally:
            cached.refreshing = None
        return cached.token

    async def _fetch(self, scopes: tuple[str, ...], options: dict[str, Any]) -> "AccessToken":
        from azure.core.exceptions import AzureError

        try:
            return await self._source().get_token(*scopes, **options)
        except AzureError as error:
            raise OverloadedError("No token for the app's identity could be had.", retry_after_s=5) from error

    def _source(self) -> "AsyncTokenCredential":
        if self._credential is None:
            from azure.identity.aio import DefaultAzureCredential

            known = {} if self._client_id is None else {"managed_identity_client_id": self._client_id}
            self._credential = DefaultAzureCredential(**known)
        return self._credential


def _seen(task: "asyncio.Task[AccessToken]") -> None:
    """Whoever waited has gone; what went wrong must not be reported as never looked at."""
    if not task.cancelled():
        task.exception()
