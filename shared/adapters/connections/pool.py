"""The connections to one origin, and requests as they go on the wire."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.adapters.connections.answer import Answer
from shared.adapters.connections.connection import Connection

if TYPE_CHECKING:
    from ssl import SSLContext

_IDLE_S = 60
"""Less than the four minutes after which Azure's load balancers forget a connection without a word."""

_HAPPY_EYEBALLS_S = 0.25
"""When to try the next address beside one that does not answer (RFC 8305)."""


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
        self._kept: list[Connection] = []
        self._tls: SSLContext | None = None

    async def send(self, request: bytes) -> Answer:
        """Send a request, whole, and return its answer once that begins. Close the answer in every case."""
        connection = self._reuse() or await self._connect()
        answer, begun = connection.send(request), False
        try:
            await answer.begun()
            begun = True
        finally:
            if not begun:
                answer.close()
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

    def _reuse(self) -> Connection | None:
        while self._kept:
            connection = self._kept.pop()
            if connection.open and monotonic() - connection.used_at < _IDLE_S:
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._kept),
                    self._name,
                    self._port,
                    happy_eyeballs_delay=_HAPPY_EYEBALLS_S,
                )
                if self._secure:
                    await connection.secure(self._context(), self._name)
        except TimeoutError as error:
            raise ConnectionError(f"{self.host} cannot be reached within {self._connect_s:g} s") from error
        return connection

    def _context(self) -> "SSLContext":
        if self._tls is None:
            import ssl

            self._tls = ssl.create_default_context()
        return self._tls


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with its whole body. Names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
