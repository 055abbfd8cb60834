"""Model deployments over HTTP: one pooled aiohttp session for the process, bytes in and bytes out.

A client library that parses every event costs a multiple of the CPU of passing its bytes on over a pooled session.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from shared.errors import OverloadedError, UpstreamError, UpstreamTimeoutError
from shared.ports.models import Deployment, UpstreamAnswer

if TYPE_CHECKING:
    import aiohttp

CONNECT_TIMEOUT_S = 5.0


class HttpModels:
    """The ModelTransport of every OpenAI-compatible endpoint, Azure OpenAI's /openai/v1 included.

    `authorize` gives the Authorization header of deployments of kind `azure` that have no key: the app's identity.
    """

    def __init__(
        self, session: "Callable[[], aiohttp.ClientSession]", authorize: Callable[[], Awaitable[str]] | None = None
    ) -> None:
        self._session = session
        self._authorize = authorize

    async def post(self, deployment: Deployment, path: str, body: bytes, *, deadline_s: float) -> UpstreamAnswer:
        import aiohttp

        url = f"{deployment.endpoint.rstrip('/')}/{path}"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
        try:
            async with asyncio.timeout(deadline_s):
                headers = await self._headers(deployment)
                response = await self._session().post(
                    url, data=body, headers=headers, timeout=timeout, allow_redirects=False
                )
        except TimeoutError as error:  # ours, or aiohttp's for the connection
            if isinstance(error, aiohttp.ServerTimeoutError):
                raise _unreachable(deployment) from error
            raise UpstreamTimeoutError(
                f"Deployment {deployment.id!r} did not begin to answer within {deadline_s:g} s."
            ) from error
        except aiohttp.ClientError as error:
            raise _unreachable(deployment) from error
        return _HttpAnswer(response, deployment, deadline_s)

    async def probe(self, deployment: Deployment) -> None:
        """Raise OverloadedError when nobody answers at the deployment's endpoint. Spends no tokens."""
        import aiohttp

        url = f"{deployment.endpoint.rstrip('/')}/models"
        timeout = aiohttp.ClientTimeout(total=CONNECT_TIMEOUT_S)
        headers = await self._headers(deployment)
        try:
            async with self._session().get(url, headers=headers, timeout=timeout) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(deployment) from error

    async def _headers(self, deployment: Deployment) -> dict[str, str]:
        headers = {"content-type": "application/json"}
        if deployment.kind == "azure" and deployment.api_key is not None:
            return headers | {"api-key": deployment.api_key}
        if deployment.kind == "azure" and self._authorize is not None:
            return headers | {"authorization": await self._authorize()}
        if deployment.api_key is None:
            return headers
        return headers | {"authorization": f"Bearer {deployment.api_key}"}


def _unreachable(deployment: Deployment) -> OverloadedError:
    return OverloadedError(f"Deployment {deployment.id!r} cannot be reached.", code="model_unavailable")


class _HttpAnswer:
    def __init__(self, response: "aiohttp.ClientResponse", deployment: Deployment, deadline_s: float) -> None:
        self._response = response
        self._deployment = deployment
        self._deadline_s = deadline_s

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return {name.lower(): value for name, value in self._response.headers.items()}

    async def read(self) -> bytes:
        import aiohttp

        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._response.read()
        except TimeoutError as error:
            raise UpstreamTimeoutError(
                f"Deployment {self._deployment.id!r} did not finish its answer within {self._deadline_s:g} s."
            ) from error
        except aiohttp.ClientError as error:
            raise self._cut() from error

    async def receive(self, *, wait_s: float, gather_s: float = 0) -> bytes | None:
        import aiohttp

        if gather_s:
            self._gather(gather_s)
        try:
            async with asyncio.timeout(wait_s):
                return await self._response.content.readany()
        except TimeoutError:
            return None
        except aiohttp.ClientError as error:
            raise self._cut() from error

    def _gather(self, gather_s: float) -> None:
        """Leave what comes in the kernel for a while, where it wakes nobody.

        All streams of a process go on at the same moments, so that one waking serves them all.
        """
        connection = self._response.connection
        transport = None if connection is None else connection.transport
        if transport is None:  # all has come
            return
        loop = asyncio.get_running_loop()
        transport.pause_reading()
        # Of a connection that was closed meanwhile it does nothing.
        loop.call_at((loop.time() // gather_s + 1) * gather_s, transport.resume_reading)

    def close(self) -> None:
        self._response.close()

    def _cut(self) -> UpstreamError:
        return UpstreamError(f"Deployment {self._deployment.id!r} broke off its answer.", code="upstream_cut")
