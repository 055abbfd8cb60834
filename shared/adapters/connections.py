"""HTTP/1.1 over connections that are kept alive: what the calls of the hot path need, and no more.

A chat completion is one call to a model and two writes to a queue. Over aiohttp each takes more than twice the
processor time: what a process runs once in a few milliseconds it runs from cold caches, so that the length of the way
counts (docs/benchmarks.md). llhttp parses (httptools), asyncio does the rest.
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

_HAPPY_EYEBALLS_S = 0.25
"""When to try the next address beside one that does not answer (RFC 8305)."""

_MOST_BYTES = 2**20
"""What may wait to be read before the sender has to."""


def request(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request as it goes on the wire; `target` is percent-encoded. Raise ValueError for a header of two lines."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("A line break in the target or a header of a request.")
    return "\r\n".join([*lines, "accept-encoding: identity", f"content-length: {len(body)}", "", ""]).encode() + body


class Connections:
    """To one origin, as many as there are requests at a time; the one used last is used first.

    All that goes wrong is an OSError: the other side may have done what was asked.
    """

    def __init__(self, origin: str, *, connect_s: float) -> None:
        parts = urlsplit(origin)
        self.host = parts.netloc.rpartition("@")[2]
        self._name = parts.hostname or ""
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._connect_s = connect_s
        self._kept: list[_Connection] = []
        self._tls: SSLContext | None = None

    async def send(self, request: bytes) -> "Answer":
        """Send a request, whole, and return its answer once that begins. Close the answer in every case."""
        connection = self._reuse() or await self._connect()
        answer = connection.send(request)
        try:
            await answer.begun()
        except BaseException:
            answer.close()
            raise
        return answer

    async def ask(self, request: bytes) -> "Reply":
        """Send a request, whole, and return its answer, whole."""
        answer = await self.send(request)
        try:
            return Reply(answer.status, answer.headers, await answer.read())
        finally:
            answer.close()

    def close(self) -> None:
        """Those that are in use are closed with their answers."""
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
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self._kept),
                    self._name,
                    self._port,
                    ssl=self._context(),
                    happy_eyeballs_delay=_HAPPY_EYEBALLS_S,
                )
        except TimeoutError as error:
            raise ConnectionError(f"{self.host} cannot be reached within {self._connect_s:g} s") from error
        return connection

    def _context(self) -> "SSLContext | None":
        if self._secure and self._tls is None:
            import ssl

            self._tls = ssl.create_default_context()
        return self._tls


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its whole body. Names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Answer:
    """An answer as it comes; one reader at a time. Names of `headers` are in lower case."""

    def __init__(self, connection: "_Connection") -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._connection = connection
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0
        self._ended = False
        self._error: OSError | None = None
        self._changed: asyncio.Future[None] | None = None

    async def begun(self) -> None:
        while not self.status and not self._error:
            await self._change()
        if self._error is not None:
            raise self._error

    async def receive(self) -> bytes:
        """What has come since, at least a byte; b"" at the end. Raise OSError when it is cut."""
        while not self._pieces and not self._ended:
            if self._error is not None:
                raise self._error
            await self._change()
        piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        if self._waiting_bytes > _MOST_BYTES and not self._ended:
            self._connection.transport.resume_reading()
        self._waiting_bytes = 0
        return piece

    async def read(self) -> bytes:
        """All that is left of it."""
        pieces: list[bytes] = []
        while piece := await self.receive():
            pieces.append(piece)
        return b"".join(pieces)

    def gather(self, gather_s: float) -> None:
        """Leave what comes in the kernel for up to so many seconds, where it wakes nobody.

        All answers of a process go on at the same moments, so that one waking serves them all.
        """
        if self._ended or self._error is not None:
            return
        loop, transport = asyncio.get_running_loop(), self._connection.transport
        transport.pause_reading()
        # Of a connection that was closed meanwhile it does nothing.
        loop.call_at((loop.time() // gather_s + 1) * gather_s, transport.resume_reading)

    def close(self) -> None:
        """Before its end this closes the connection: what is still to come would be taken for the next answer."""
        if not self._ended:
            self._connection.close()

    async def _change(self) -> None:
        self._changed = asyncio.get_running_loop().create_future()
        await self._changed

    def tell(self) -> None:
        """Wake the reader."""
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes > _MOST_BYTES:
            self._connection.transport.pause_reading()

    def end(self, error: OSError | None = None) -> None:
        self._ended = self._ended or error is None
        self._error = error


class _Connection(asyncio.Protocol):
    """One request at a time. The names of the callbacks are asyncio's and httptools'."""

    transport: asyncio.Transport

    def __init__(self, kept: "list[_Connection]") -> None:
        import httptools

        self.open = True
        self.used_at = 0.0
        self._kept = kept
        self._parser = httptools.HttpResponseParser(self)
        self._refused = httptools.HttpParserError
        self._answer: Answer | None = None
        self._headers: dict[str, str] = {}

    def send(self, request: bytes) -> Answer:
        self._answer = Answer(self)
        self.transport.write(request)
        return self._answer

    def close(self) -> None:
        self.open = False
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._answer is not None:
            cut = exc if isinstance(exc, OSError) else ConnectionResetError("closed before the answer was complete")
            self._answer.end(None if exc is None and self._ends_with_connection() else cut)
            self._answer.tell()

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        try:
            self._parser.feed_data(data)
        except self._refused as error:
            if answer is not None:
                answer.end(ConnectionError(f"not an answer: {error}"))
            self.close()
        if answer is not None:
            answer.tell()

    def on_message_begin(self) -> None:
        if self._answer is None:
            self.close()  # nobody asked: a server that says why it closes

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._answer is not None and status >= 200:
            self._answer.status, self._answer.headers = status, self._headers
        self._headers = {}

    def on_body(self, body: bytes) -> None:
        if self._answer is not None:
            self._answer.add(body)

    def on_message_complete(self) -> None:
        answer = self._answer
        if answer is None or not answer.status:  # what is below 200 says that there is more to come
            return
        self._answer = None
        answer.end()
        self.used_at = monotonic()
        if self.open and self._parser.should_keep_alive():
            self._kept.append(self)
        else:
            self.close()

    def _ends_with_connection(self) -> bool:
        """Whether the answer says nothing of its length (RFC 9112, 6.3): then it is as long as it lasts."""
        headers = self._answer.headers if self._answer is not None and self._answer.status else None
        return headers is not None and "content-length" not in headers and "transfer-encoding" not in headers
