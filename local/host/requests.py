"""One request of a client: its head, its body as it arrives, and the plain answers the host gives by itself."""

import json
from collections.abc import AsyncGenerator
from typing import Any

from local.host.http1 import BadMessageError, ChunkScanner, Framing, Head, plain_response, request_framing
from local.host.stream import Stream

BLOCK_BYTES = 65_536


class BodyTooLargeError(Exception):
    """The request's body is longer than the host takes."""


class Request:
    def __init__(self, head: Head, stream: Stream, limit: int) -> None:
        self.head = head
        self.stream = stream
        self.method = head.start[0].decode()
        path, _, query = head.start[1].decode("latin-1").partition("?")
        self.path = path
        self.query = query
        self.responded = False
        self.framing: Framing = 0
        self.body_done = True
        self._limit = limit
        self._seen = 0
        self._scanner = ChunkScanner()

    def open_body(self) -> None:
        """Learn how long the body is. Raises BadMessageError when that is unclear, BodyTooLargeError when too long."""
        self.framing = request_framing(self.head)
        self.body_done = self.framing == 0
        if isinstance(self.framing, int) and self.framing > self._limit:
            raise BodyTooLargeError
        if not self.body_done and (self.head.get(b"expect") or b"").lower() == b"100-continue":
            self.stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    @property
    def modern(self) -> bool:
        return self.head.start[2] == b"HTTP/1.1"

    @property
    def persistent(self) -> bool:
        return self.modern and not self.head.closes

    async def blocks(self) -> AsyncGenerator[bytes]:
        """The rest of the body as it comes, chunk framing included."""
        while not self.body_done:
            data = await self.stream.read(self._room)
            if not data:
                raise BadMessageError("The body ended early.")
            self._count(data)
            yield data

    def at_hand(self) -> bytes:
        """What of the body came with the head."""
        if self.body_done:
            return b""
        data = self.stream.take(self._room)
        self._count(data)
        return data

    @property
    def _room(self) -> int:
        return min(BLOCK_BYTES, self.framing - self._seen) if isinstance(self.framing, int) else BLOCK_BYTES

    def _count(self, data: bytes) -> None:
        self._seen += len(data) if isinstance(self.framing, int) else sum(map(len, self._scanner.feed(data)))
        if self._seen > self._limit:
            raise BodyTooLargeError
        self.body_done = self._scanner.done or self._seen == self.framing

    async def read_json(self) -> Any:
        """The whole body, for the host's own endpoints. Raises BadMessageError when it is not JSON."""
        raw = b"".join([block async for block in self.blocks()])
        payload = b"".join(ChunkScanner().feed(raw)) if self.framing == "chunked" else raw
        try:
            return json.loads(payload)
        except ValueError:
            raise BadMessageError("The body is not JSON.") from None

    def answer(self, status: int, body: Any = None) -> bool:
        """Send a plain answer, or break off where part of another is out; True when the connection can go on."""
        if self.responded:
            self.stream.abort()
            return False
        self.responded = True
        keep = self.body_done and self.persistent
        payload = b"" if body is None else json.dumps(body).encode()
        content_type = "" if body is None else "application/json"
        self.stream.write(plain_response(status, payload, content_type, close=not keep))
        return keep
