"""Connections to the inner web server of one worker process, kept open between requests."""

import asyncio
from urllib.parse import urlsplit

from local.host.http1 import MAX_HEAD_BYTES

_IDLE_S = 4.0  # the inner server closes idle connections after 5 s; do not race with it
_TRIES = 10
_FIRST_DELAY_S = 0.05
_MAX_DELAY_S = 0.25


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.reused = False
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing() and self.reader.exception() is None

    def abort(self) -> None:
        self.writer.transport.abort()


class Upstream:
    def __init__(self, uri: str) -> None:
        where = urlsplit(uri)
        self._host, self._port = where.hostname, where.port
        self._idle: list[Connection] = []

    async def connect(self) -> Connection:
        """An open connection, tried ten times as the real host does. Raises OSError when the server is not there."""
        oldest = asyncio.get_running_loop().time() - _IDLE_S
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.idle_since > oldest:
                return connection
            connection.abort()
        return await self.open()

    def release(self, connection: Connection) -> None:
        connection.idle_since = asyncio.get_running_loop().time()
        connection.reused = True
        self._idle.append(connection)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().abort()

    async def open(self) -> Connection:
        delay = _FIRST_DELAY_S
        for _ in range(_TRIES - 1):
            try:
                return await self._try()
            except OSError:
                await asyncio.sleep(delay)
                delay = min(_MAX_DELAY_S, delay * 2)
        return await self._try()

    async def _try(self) -> Connection:
        return Connection(*await asyncio.open_connection(self._host, self._port, limit=MAX_HEAD_BYTES))
