"""Streaming a request to a worker's inner web server and its answer back, nothing held back either way."""

import asyncio
import logging

from local.host.http1 import BadMessageError, ChunkScanner, Framing, Head, read_head, rendered, response_framing
from local.host.invocation import Call, Invoker, new_invocation_id
from local.host.patience import Patience, Wait
from local.host.pool import WorkerPool
from local.host.process import WorkerGoneError, WorkerProcess
from local.host.requests import BLOCK_BYTES, BodyTooLargeError, Request
from local.host.routes import Match
from local.host.stream import Stream
from local.host.upstream import Connection, Upstream

_INVOCATION_ID = b"x-ms-invocation-id"
_DROPPED = (_INVOCATION_ID, b"expect")
_log = logging.getLogger("local.host.http")


class _BrokenError(Exception):
    """The inner web server closed the connection, or said what is not HTTP, before its answer was complete."""


class Proxy:
    def __init__(self, pool: WorkerPool, invoker: Invoker, idle_s: float) -> None:
        self._pool = pool
        self._invoker = invoker
        self._patience = Patience(idle_s)
        self._upstreams: dict[WorkerProcess, Upstream] = {}
        self._invocations: set[asyncio.Task[object]] = set()

    async def forward(self, match: Match, request: Request) -> bool:
        """Have a function answer a request; True when the client's connection can go on."""
        try:
            connection = await self._connected()
            async with self._patience.wait() as wait:
                return await _Exchange(self, connection, match, request, wait).run()
        except BodyTooLargeError:
            return request.answer(413)
        except BadMessageError:
            return request.answer(400)
        except TimeoutError:
            return request.answer(504)
        except (_BrokenError, OSError, WorkerGoneError) as error:
            _log.warning("%s %s: no answer from the worker: %r", request.method, request.path, error)
            return request.answer(502)

    @property
    def worker_pids(self) -> list[int]:
        return self._pool.pids

    async def drained(self) -> None:
        """Wait until every function that a request started has ended, its outputs written."""
        while self._invocations:
            await asyncio.wait(self._invocations)

    async def _connected(self) -> Connection:
        """A connection to the next worker; one that died just now is passed over."""
        while True:
            worker = await self._pool.pick()
            try:
                return await self._upstream(worker).connect()
            except WorkerGoneError:
                continue

    def _upstream(self, worker: WorkerProcess) -> Upstream:
        if worker not in self._upstreams:
            self._upstreams[worker] = Upstream(worker)
            worker.ended.add_done_callback(lambda _: self._upstreams.pop(worker).close())
        return self._upstreams[worker]

    def invoke(self, worker: WorkerProcess, match: Match, request: Request, invocation_id: str) -> None:
        """Run the function beside the forwarded request; the worker joins the two by the invocation id."""
        trace = [(request.head.get(name) or b"").decode("latin-1") for name in (b"traceparent", b"tracestate")]
        call = Call(match.route.function, ("http", dict(match.parameters)), trace=(trace[0], trace[1]))
        attempt = self._invoker.attempt(worker, call, invocation_id)
        task = asyncio.Task(attempt, loop=asyncio.get_running_loop(), eager_start=True)
        self._invocations.add(task)
        task.add_done_callback(self._invocations.discard)


class _Exchange:
    def __init__(self, proxy: Proxy, connection: Connection, match: Match, request: Request, wait: Wait) -> None:
        self._proxy = proxy
        self._worker = connection.upstream.worker
        self._match = match
        self._request = request
        self._wait = wait
        self._invocation_id = new_invocation_id()
        self._finished = False
        self._connection = connection

    async def run(self) -> bool:
        pump: asyncio.Task[None] | None = None
        try:
            self._connection.stream.write(self._head() + self._request.at_hand())
            self._proxy.invoke(self._worker, self._match, self._request, self._invocation_id)
            if not self._request.body_done:
                pump = asyncio.create_task(self._pump())
            return await self._relay(await self._response_head())
        except _BrokenError:
            if pump is not None and pump.done() and not pump.cancelled():
                pump.result()
            raise
        finally:
            if pump is not None:
                pump.cancel()
            self._leave()

    def _head(self) -> bytes:
        headers = self._request.head.forwardable(*_DROPPED)
        headers.append((_INVOCATION_ID, self._invocation_id.encode()))
        if self._request.framing == "chunked":
            headers.append((b"transfer-encoding", b"chunked"))
        method, target, _ = self._request.head.start
        return rendered(b"%b %b HTTP/1.1" % (method, target), headers)

    async def _pump(self) -> None:
        """Send the body on; a client that breaks the rules breaks the exchange, a server that has enough does not."""
        try:
            async for block in self._request.blocks():
                self._connection.stream.write(block)
                await self._connection.stream.drain()
                self._wait.renew()
        except ConnectionError:
            return
        except (BadMessageError, BodyTooLargeError):
            self._connection.abort()
            raise

    async def _response_head(self) -> Head:
        head = await self._next_head()
        if head is None and self._connection.reused and self._request.framing == 0 and self._worker.alive:
            self._connection.abort()
            self._connection = await self._connection.upstream.open()
            self._connection.stream.write(self._head())
            head = await self._next_head()
        if head is None:
            raise _BrokenError("The connection ended before an answer.")
        return head

    async def _next_head(self) -> Head | None:
        try:
            head = await read_head(self._connection.stream)
            while head is not None and head.start[1][:1] == b"1":
                head = await read_head(self._connection.stream)
        except BadMessageError as error:
            raise _BrokenError(str(error)) from error
        except ConnectionError:
            return None
        return head

    async def _relay(self, head: Head) -> bool:
        """Pass the answer on as it comes; True when the client's connection can go on."""
        request = self._request
        framing = response_framing(head, head_only=request.method == "HEAD")
        keep = request.persistent and framing != "until_close" and (framing != "chunked" or request.modern)
        headers = head.forwardable(b"server")
        if framing == "chunked" and request.modern:
            headers.append((b"transfer-encoding", b"chunked"))
        if not keep:
            headers.append((b"connection", b"close"))
        request.responded = True
        await self._copy(framing, rendered(b"HTTP/1.1 %b %b" % head.start[1:], headers))
        self._finished = request.body_done and framing != "until_close" and not head.closes and head.start[1] != b"500"
        return keep and request.body_done

    async def _copy(self, framing: Framing, head: bytes) -> None:
        """Send head and body on. A body of known length is at hand already: its first bytes go out with the head."""
        source, client = self._connection.stream, self._request.stream
        scanner = ChunkScanner()
        left = framing if isinstance(framing, int) else None
        held = [head] if left else []
        if not left:
            client.write(head)
        while left != 0 and not scanner.done:
            data = await self._read(source, BLOCK_BYTES if left is None else min(left, BLOCK_BYTES))
            if not data and framing == "until_close":
                return
            if not data:
                raise _BrokenError("The connection ended inside an answer.")
            payload = scanner.feed(data) if framing == "chunked" else [data]
            client.write(b"".join([*held, *([data] if self._request.modern else payload)]))
            await client.drain()
            left = left - len(data) if left is not None else None
            held = []
            self._wait.renew()

    @staticmethod
    async def _read(source: Stream, limit: int) -> bytes:
        try:
            return await source.read(limit)
        except ConnectionError as error:
            raise _BrokenError(str(error)) from error

    def _leave(self) -> None:
        """Keep the connection for the next request, or close it at once so that the worker sees the client leave."""
        if self._finished:
            self._connection.upstream.release(self._connection)
        else:
            self._connection.abort()
