"""Connections to the inner web server of one worker process, kept open between requests."""

import asyncio
from urllib.parse import urlsplit

from local.host.process import WorkerGoneError, WorkerProcess
from local.host.stream import Stream

_IDLE_S = 4.0  # the inner server closes idle connections after 5 s; do not race with it
_TRIES = 10
_FIRST_DELAY_S = 0.05
_MAX_DELAY_S = 0.25


class Connection:
    def __init__(self, upstream: "Upstream", stream: Stream) -> None:
        self.upstream = upstream
        self.stream = stream
        self.reused = False
        self.idle_since = 0.0

    def abort(self) -> None:
        self.stream.abort()


class Upstream:
    def __init__(self, worker: WorkerProcess) -> None:
        where = urlsplit(worker.uri)
        self.worker = worker
        self._host, self._port = where.hostname or "", where.port or 0
        self._idle: list[Connection] = []

    async def connect(self) -> Connection:
        """An open connection, tried ten times as the real host does. Raises OSError when the server is not there."""
        oldest = asyncio.get_running_loop().time() - _IDLE_S
        while self._idle:
            connection = self._idle.pop()
            if connection.stream.open and not connection.stream.held and connection.idle_since > oldest:
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
        """A new connection. Raises WorkerGoneError as soon as the worker has ended."""
        delay = _FIRST_DELAY_S
        for tries_left in reversed(range(_TRIES)):
            try:
                _, stream = await asyncio.get_running_loop().create_connection(Stream, self._host, self._port)
                return Connection(self, stream)
            except OSError:
                if not tries_left:
                    raise
            await asyncio.wait({self.worker.ended}, timeout=delay)
            if not self.worker.alive:
                break
            delay = min(_MAX_DELAY_S, delay * 2)
        raise WorkerGoneError(f"Worker process {self.worker.pid} ended.")
