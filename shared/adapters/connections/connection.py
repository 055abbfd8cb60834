"""One HTTP/1.1 connection. llhttp parses (httptools), asyncio does the rest."""

import asyncio
import os
from time import monotonic
from typing import TYPE_CHECKING, cast

from shared.adapters.connections.answer import Answer

if TYPE_CHECKING:
    from ssl import SSLContext

_LOOK_BYTES = 2**16


class Connection(asyncio.Protocol):
    """One request at a time. The names of the callbacks are asyncio's and httptools'.

    `socket` is what reads from the kernel. Under TLS it is not the transport that is written to: to pause that one
    would leave the process to wake up for each record.
    """

    socket: asyncio.Transport
    _transport: asyncio.Transport

    def __init__(self, kept: "list[Connection]") -> None:
        import httptools

        self.open = True
        self.used_at = 0.0
        self._kept = kept
        self._parser = httptools.HttpResponseParser(self)
        self._refused = httptools.HttpParserError
        self._answer: Answer | None = None
        self._headers: dict[str, str] = {}
        self._look: asyncio.TimerHandle | None = None

    def send(self, request: bytes) -> Answer:
        self._answer = Answer(self)
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        self.open = False
        self._transport.abort()

    def hold(self) -> None:
        """Leave what comes in the kernel until somebody waits for it."""
        self.socket.pause_reading()

    def look_at(self, moment: float) -> None:
        """Leave what comes in the kernel until then, by the loop's clock."""
        self.hold()
        self._do_not_look()
        self._look = asyncio.get_running_loop().call_at(moment, self._take)

    def watch(self) -> None:
        """Take what comes as it comes, unless it is left until a moment."""
        if self._look is None:
            self.socket.resume_reading()

    async def secure(self, context: "SSLContext", name: str) -> None:
        """Raise OSError for a server that cannot prove to have this name."""
        loop = asyncio.get_running_loop()
        secured = await loop.start_tls(self.socket, self, context, server_hostname=name)
        self._transport = cast("asyncio.Transport", secured)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.socket = self._transport = cast("asyncio.Transport", transport)

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
            self._do_not_look()
            self.socket.resume_reading()  # the end may have come with what was too much to be held
            self._kept.append(self)
        else:
            self.close()

    def _do_not_look(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _take(self) -> None:
        """What has come. To let the loop ask the kernel first whether something has takes twice as long.

        Where there was nothing, or the end, or perhaps more, the loop goes on.
        """
        self._look = None
        if self.socket.is_closing():
            return
        try:
            taken = self._read()
        except BlockingIOError:
            taken = 0
        except OSError as error:
            self.connection_lost(error)
            self._answer = None
            self.close()
            return
        if not 0 < taken < _LOOK_BYTES:
            self.socket.resume_reading()

    def _read(self) -> int:
        """As the loop's transports do; under TLS the protocol next to the socket is not this one."""
        descriptor, protocol = self.socket.get_extra_info("socket").fileno(), self.socket.get_protocol()
        if isinstance(protocol, asyncio.BufferedProtocol):
            taken = os.readv(descriptor, [protocol.get_buffer(_LOOK_BYTES)])
            if taken:
                protocol.buffer_updated(taken)
            return taken
        content = os.read(descriptor, _LOOK_BYTES)
        if content:
            self.data_received(content)
        return len(content)

    def _ends_with_connection(self) -> bool:
        """Whether the answer says nothing of its length (RFC 9112, 6.3): then it is as long as it lasts."""
        headers = self._answer.headers if self._answer is not None and self._answer.status else None
        return headers is not None and "content-length" not in headers and "transfer-encoding" not in headers
