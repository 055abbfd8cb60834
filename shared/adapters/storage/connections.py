"""HTTP/1.1 over connections that are kept alive: what a small write to a storage service needs, and no more.

Every metered call makes two such writes. Over aiohttp a write takes more than twice the processor time: what a process
runs once in a few milliseconds it runs from cold caches, so that the length of the way counts (docs/benchmarks.md).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from ssl import SSLContext

_IDLE_S = 60
"""Less than the four minutes after which Azure's load balancers forget a connection without a word."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """To one origin, as many as there are requests at a time; the one used last is used first."""

    def __init__(self, origin: str, *, timeout_s: float) -> None:
        parts = urlsplit(origin)
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._timeout_s = timeout_s
        self._kept: list[_Connection] = []
        self._tls: SSLContext | None = None

    async def ask(self, request: bytes) -> Answer:
        """Send it, whole, and return its answer, whole.

        Raise OSError (a TimeoutError is one) when there is none: the service may have done what was asked.
        """
        async with asyncio.timeout(self._timeout_s):
            connection = self._reuse() or await self._connect()
            try:
                answer = await connection.ask(request)
            except BaseException:
                connection.close()  # an answer may still come, and would be taken for the next one's
                raise
        if connection.open:
            self._kept.append(connection)
        return answer

    def close(self) -> None:
        while self._kept:
            self._kept.pop().close()

    def _reuse(self) -> "_Connection | None":
        while self._kept:
            connection = self._kept.pop()
            if connection.open and monotonic() - connection.used_at < _IDLE_S:
                return connection
            connection.close()
        return None

    async def _connect(self) -> "_Connection":
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection, self._host, self._port, ssl=self._context()
        )
        return connection

    def _context(self) -> "SSLContext | None":
        if self._secure and self._tls is None:
            import ssl

            self._tls = ssl.create_default_context()
        return self._tls


class _Connection(asyncio.Protocol):
    """One request at a time. The names of the callbacks are asyncio's and httptools'."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        import httptools

        self.open = True
        self.used_at = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._refused = httptools.HttpParserError
        self._answer: asyncio.Future[Answer] | None = None
        self._headers: dict[str, str] = {}
        self._body = b""

    async def ask(self, request: bytes) -> Answer:
        self._answer = asyncio.get_running_loop().create_future()
        self._headers, self._body = {}, b""
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self.open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed before the answer was complete"))

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.close()  # nobody asked: a server that says why it closes
            return
        try:
            self._parser.feed_data(data)
        except self._refused as error:
            self._answer.set_exception(ConnectionError(f"not an answer: {error}"))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.open = self.open and self._parser.should_keep_alive()
        self.used_at = monotonic()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(Answer(self._parser.get_status_code(), self._headers, self._body))
