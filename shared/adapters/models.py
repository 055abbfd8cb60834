"""Model deployments over HTTP: kept connections, bytes in and bytes out.

A client library that parses every event costs a multiple of the CPU of passing its bytes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote, urlsplit

from shared.adapters.connections import Answer, Connections, request
from shared.errors import OverloadedError, UpstreamError, UpstreamTimeoutError
from shared.ports.models import Deployment, UpstreamAnswer

CONNECT_TIMEOUT_S = 5.0


class HttpModels:
    """The ModelTransport of every OpenAI-compatible endpoint, Azure OpenAI's /openai/v1 included.

    `authorize` gives the Authorization header of deployments of kind `azure` that have no key: the app's identity.
    """

    def __init__(self, authorize: Callable[[], Awaitable[str]] | None = None) -> None:
        self._authorize = authorize
        self._origins: dict[str, Connections] = {}

    async def post(self, deployment: Deployment, path: str, body: bytes, *, deadline_s: float) -> UpstreamAnswer:
        try:
            async with asyncio.timeout(deadline_s):
                answer = await self._send("POST", deployment, path, body)
        except TimeoutError as error:
            raise UpstreamTimeoutError(
                f"Deployment {deployment.id!r} did not begin to answer within {deadline_s:g} s."
            ) from error
        except OSError as error:
            raise _unreachable(deployment) from error
        return _HttpAnswer(answer, deployment, deadline_s)

    async def probe(self, deployment: Deployment) -> None:
        """Raise OverloadedError when nobody answers at the deployment's endpoint. Spends no tokens."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                answer = await self._send("GET", deployment, "models")
        except OSError as error:
            raise _unreachable(deployment) from error
        answer.close()

    def close(self) -> None:
        for connections in self._origins.values():
            connections.close()

    async def _send(self, method: str, deployment: Deployment, path: str, body: bytes = b"") -> Answer:
        headers = await self._headers(deployment)
        url = urlsplit(f"{deployment.endpoint.rstrip('/')}/{path}")
        connections = self._connections(f"{url.scheme}://{url.netloc}")
        target = quote(url.path, safe="/%:@!$&'()*+,;=~") + (f"?{url.query}" if url.query else "")
        return await connections.send(request(method, target, {"host": connections.host, **headers}, body))

    def _connections(self, origin: str) -> Connections:
        if origin not in self._origins:
            self._origins[origin] = Connections(origin, connect_s=CONNECT_TIMEOUT_S)
        return self._origins[origin]

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
    def __init__(self, answer: Answer, deployment: Deployment, deadline_s: float) -> None:
        self._answer = answer
        self._deployment = deployment
        self._deadline_s = deadline_s

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    async def read(self) -> bytes:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._answer.read()
        except TimeoutError as error:
            raise UpstreamTimeoutError(
                f"Deployment {self._deployment.id!r} did not finish its answer within {self._deadline_s:g} s."
            ) from error
        except OSError as error:
            raise self._cut() from error

    async def receive(self, *, wait_s: float, gather_s: float = 0) -> bytes | None:
        if gather_s:
            self._answer.gather(gather_s)
        try:
            return await self._answer.receive(wait_s)
        except OSError as error:
            raise self._cut() from error

    def close(self) -> None:
        self._answer.close()

    def _cut(self) -> UpstreamError:
        return UpstreamError(f"Deployment {self._deployment.id!r} broke off its answer.", code="upstream_cut")
