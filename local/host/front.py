"""The host's HTTP front on 127.0.0.1: connections of clients, the host's own endpoints, routing and keys."""

import asyncio
import contextlib
import hmac
import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from azure.core.exceptions import AzureError

from local.host.blobs import BlobTrigger
from local.host.config import HostConfig
from local.host.frames import Message
from local.host.http1 import MAX_HEAD_BYTES, BadMessageError, plain_response, read_head
from local.host.proxy import Proxy
from local.host.requests import BodyTooLargeError, Request
from local.host.routes import Route, RouteTable
from local.host.stream import Stream

BLOB_WEBHOOK = "/runtime/webhooks/blobs"
_STATUS = "/admin/host/status"
_LINGER_S = 2.0
_BACKLOG = 1024
_TURNS_TO_TAKE_UP = 2
"""Of the event loop: in one asyncio makes a transport of what it accepted, in the next it says so."""


type Answer = Callable[[Request], Awaitable[bool]]


class PortTakenError(Exception):
    """Another program listens on the port that the host was asked to use."""


class Front:
    """Routes requests to functions, after the few paths that are the host's own."""

    def __init__(self, config: HostConfig, routes: RouteTable, proxy: Proxy, blobs: BlobTrigger | None) -> None:
        self._config = config
        self._routes = routes
        self._proxy = proxy
        self._blobs = blobs
        self._began = time.monotonic()
        self._server = _Server(self.answer, config.max_body_bytes)

    async def start(self) -> None:
        await self._server.start(self._config.port)

    async def stop(self, grace_s: float) -> None:
        await self._server.stop(grace_s)

    async def answer(self, request: Request) -> bool:
        request.open_body()
        if request.path == BLOB_WEBHOOK and self._blobs is not None:
            return await self._event_grid(request, self._blobs)
        if request.path == _STATUS:
            return request.answer(200, self._state())
        found = self._routes.find(request.method, request.path)
        if found is None:
            return request.answer(404)
        if not self._authorised(request, found.route):
            return request.answer(401)
        return await self._proxy.forward(found, request)

    def _state(self) -> Message:
        """As the real host says it, and the workers beside."""
        uptime_ms = int((time.monotonic() - self._began) * 1000)
        state = {"id": self._config.identity, "state": "Running", "processUptime": uptime_ms}
        return state | {"workers": self._proxy.worker_pids}

    async def _event_grid(self, request: Request, blobs: BlobTrigger) -> bool:
        name = parse_qs(request.query).get("functionName", [""])[0]
        event_type = (request.head.get(b"aeg-event-type") or b"").decode()
        try:
            status, body = await blobs.receive(name, event_type, await request.read_json())
        except AzureError:
            return request.answer(503)  # Event Grid delivers again
        return request.answer(status, body)

    def _authorised(self, request: Request, route: Route) -> bool:
        if not self._config.enable_auth or route.auth_level == "anonymous":
            return True
        header = request.head.get(b"x-functions-key")
        key = header.decode("latin-1") if header is not None else parse_qs(request.query).get("code", [""])[0]
        accepted = [self._config.master_key, *([self._config.function_key] if route.auth_level == "function" else [])]
        return any(hmac.compare_digest(key.encode(), one.encode()) for one in accepted)


class _Client(Stream):
    """A client's connection: the work on it ends as soon as the client is gone."""

    def __init__(self, begin: Callable[[Stream], asyncio.Task[None]]) -> None:
        super().__init__()
        self._begin = begin

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._work = self._begin(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._work.cancel()


class _Server:
    """Reads request after request from each connection until one side has had enough."""

    def __init__(self, answer: Answer, max_body_bytes: int) -> None:
        self._answer = answer
        self._limit = max_body_bytes
        self._open: set[asyncio.Task[None]] = set()
        self._busy: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._listener: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Listen. Raises PortTakenError."""
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(lambda: _Client(self._begin), "127.0.0.1", port, backlog=_BACKLOG)
        except OSError as error:
            raise PortTakenError(f"Port {port} of 127.0.0.1 is taken: {error.strerror}.") from error

    async def stop(self, grace_s: float) -> None:
        """Take no new request; let those that run end within the grace time, then break them off."""
        self._stopping = True
        if self._listener is not None:
            await self._take_no_more(self._listener)
        for task in self._open - self._busy:
            task.cancel()
        if self._busy:
            await asyncio.wait(set(self._busy), timeout=grace_s)
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _take_no_more(self, listener: asyncio.Server) -> None:
        """Close the listener, once a client that is just being taken up is one of ours: asyncio would lose it."""
        for listening in listener.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(_TURNS_TO_TAKE_UP):
            await asyncio.sleep(0)
        listener.close()

    def _begin(self, stream: Stream) -> asyncio.Task[None]:
        task = asyncio.create_task(self._serve(stream))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        task.add_done_callback(lambda _: stream.close())  # also of a task that was cancelled before it began
        return task

    async def _serve(self, stream: Stream) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in a task
        try:
            while await self._one(task, stream) and not self._stopping:
                pass
            if not self._stopping:
                await _linger(stream)
        except (BadMessageError, BodyTooLargeError) as error:
            stream.write(plain_response(413 if isinstance(error, BodyTooLargeError) else 400, close=True))
            await _linger(stream)
        except ConnectionError:
            stream.abort()

    async def _one(self, task: asyncio.Task[None], stream: Stream) -> bool:
        head = await read_head(stream)
        if head is None:
            return False
        self._busy.add(task)
        try:
            return await self._answer(Request(head, stream, self._limit))
        finally:
            self._busy.discard(task)


async def _linger(stream: Stream) -> None:
    """Read what a client still sends for a moment: closing at once would reset the connection under our answer."""
    if not stream.open:
        return
    stream.write_eof()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while await stream.read(MAX_HEAD_BYTES):
                pass
