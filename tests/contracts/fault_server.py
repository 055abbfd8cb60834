"""An HTTP server that answers as told, for the faults that Azurite does not play."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Fault:
    """One answer. Status 0 drops the connection."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class FaultServer:
    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.url = ""
        self._script: list[Fault] = []
        self._runner = web.ServerRunner(web.Server(self._answer))

    def script(self, *faults: Fault) -> None:
        self._script.extend(faults)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        self.requests.append(request)  # type: ignore[arg-type]
        fault = self._script.pop(0)
        if fault.status == 0:
            assert request.transport is not None
            request.transport.close()
        return web.Response(status=fault.status or 500, body=fault.body, headers=dict(fault.headers))

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
