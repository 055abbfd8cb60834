"""One request of a client: its head, its body as it arrives, and the plain answers the host gives by itself."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from local.host.http1 import BadMessageError, ChunkScanner, Framing, Head, plain_response, request_framing

BLOCK_BYTES = 65_536


class BodyTooLargeError(Exception):
    """The request's body is longer than the host takes."""


class Request:
    def __init__(self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int) -> None:
        self.head = head
        self.writer = writer
        self.method = head.start[0].decode()
        path, _, query = head.start[1].decode("latin-1").partition("?")
        self.path = path
        self.query = query
        self.responded = False
        self.framing: Framing = 0
        self.body_done = True
        self._reader = reader
        self._limit = limit

    def open_body(self) -> None:
        """Learn how long the body is. Raises BadMessageError when that is unclear, BodyTooLargeError when too long."""
        self.framing = request_framing(self.head)
        self.body_done = self.framing == 0
        if isinstance(self.framing, int) and self.framing > self._limit:
            raise BodyTooLargeError
        if not self.body_done and (self.head.get(b"expect") or b"").lower() == b"100-continue":
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    @property
    def modern(self) -> bool:
        return self.head.start[2] == b"HTTP/1.1"

    @property
    def persistent(self) -> bool:
        return self.modern and not self.head.closes

    async def blocks(self) -> AsyncGenerator[bytes]:
        """The body as it came, chunk framing included."""
        scanner = ChunkScanner()
        seen = 0
        while not self.body_done:
            room = self.framing - seen if isinstance(self.framing, int) else BLOCK_BYTES
            data = await self._reader.read(min(BLOCK_BYTES, room))
            if not data:
                raise BadMessageError("The body ended early.")
            seen += len(data) if isinstance(self.framing, int) else sum(map(len, scanner.feed(data)))
            if seen > self._limit:
                raise BodyTooLargeError
            self.body_done = scanner.done or seen == self.framing
            yield data

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
            self.writer.transport.abort()
            return False
        self.responded = True
        keep = self.body_done and self.persistent
        payload = b"" if body is None else json.dumps(body).encode()
        content_type = "" if body is None else "application/json"
        self.writer.write(plain_response(status, payload, content_type, close=not keep))
        return keep
