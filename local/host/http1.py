"""HTTP/1.1 as bytes: message heads, what frames a body, and where a chunked body ends. Strict in what it takes."""

import functools
import re
from http import HTTPStatus
from typing import Literal

from local.host.stream import Stream

MAX_HEAD_BYTES = 65_536
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""A worker's HTTP server refuses them before it looks for the invocation, which would wait for the request for ever."""
_HOP_BY_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    }
)
_BODILESS = (204, 304)

type Headers = list[tuple[bytes, bytes]]  # names in lower case
type Framing = int | Literal["chunked", "until_close"]


class BadMessageError(Exception):
    """What arrived is not HTTP/1.1 as we take it."""


class Head:
    """`start` of a request: method, target, version; of a response: version, status, reason."""

    __slots__ = ("_first", "headers", "start")

    def __init__(self, start: tuple[bytes, bytes, bytes], headers: Headers) -> None:
        self.start = start
        self.headers = headers
        self._first = dict(reversed(headers))

    def get(self, name: bytes) -> bytes | None:
        """The first header of this name."""
        return self._first.get(name)

    def forwardable(self, *dropped: bytes) -> Headers:
        """The headers without those that concern one connection only, and without the ones named."""
        out = _HOP_BY_HOP.union(dropped)
        if b"connection" in self._first:
            connection = b",".join(value for key, value in self.headers if key == b"connection")
            out = out.union(item.strip().lower() for item in connection.split(b","))
        return [header for header in self.headers if header[0] not in out]

    @property
    def closes(self) -> bool:
        return b"close" in (self.get(b"connection") or b"").lower()


async def read_head(stream: Stream) -> Head | None:
    """The next head, or None at a clean end of the connection."""
    raw = await stream.until(b"\r\n\r\n", MAX_HEAD_BYTES)
    if raw is None and not stream.held:
        return None
    if raw is None:
        raise BadMessageError("The message head is too long, or the connection ended inside it.")
    first, *lines = raw[:-4].split(b"\r\n")
    start = first.split(b" ", 2)
    if len(start) < 3:
        raise BadMessageError("The start line is not one of HTTP/1.1.")
    return Head((start[0], start[1], start[2]), [_header(line) for line in lines])


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or _CONTROL.search(value):
        raise BadMessageError("A header line is malformed.")
    return _name(name), value.strip(b" \t")


@functools.lru_cache(maxsize=512)  # the same few come again and again
def _name(raw: bytes) -> bytes:
    if not _TOKEN.fullmatch(raw):
        raise BadMessageError("A header line is malformed.")
    return raw.lower()


def request_framing(head: Head) -> Framing:
    """How long a request's body is. Raises BadMessageError where two readers could disagree."""
    if head.get(b"content-length") is None and head.get(b"transfer-encoding") is None:
        return 0
    lengths = {value for key, value in head.headers if key == b"content-length"}
    coding = head.get(b"transfer-encoding")
    if coding is not None:
        if lengths or coding.lower() != b"chunked" or head.start[2] != b"HTTP/1.1":
            raise BadMessageError("The body's length is ambiguous.")
        return "chunked"
    if len(lengths) > 1 or not all(length.isdigit() for length in lengths):
        raise BadMessageError("The body's length is ambiguous.")
    return int(lengths.pop())


def response_framing(head: Head, *, head_only: bool) -> Framing:
    if head_only or int(head.start[1]) in _BODILESS:
        return 0
    if (head.get(b"transfer-encoding") or b"").lower() == b"chunked":
        return "chunked"
    length = head.get(b"content-length")
    return int(length) if length is not None else "until_close"


def rendered(start: bytes, headers: Headers) -> bytes:
    return b"".join([start, b"\r\n", *(b"%b: %b\r\n" % header for header in headers), b"\r\n"])


def plain_response(status: int, body: bytes = b"", content_type: str = "", *, close: bool = False) -> bytes:
    headers: Headers = [(b"content-length", str(len(body)).encode())]
    if content_type:
        headers.append((b"content-type", content_type.encode()))
    if close:
        headers.append((b"connection", b"close"))
    return rendered(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), headers) + body


class ChunkScanner:
    """Follows a chunked body as it passes: tells its payload, and when it is over, without holding it back."""

    def __init__(self) -> None:
        self.done = False
        self._line = b""
        self._left = 0  # payload bytes of the current chunk, with its closing CRLF
        self._trailers = False

    def feed(self, data: bytes) -> list[bytes]:
        payload: list[bytes] = []
        at = 0
        while at < len(data) and not self.done:
            at = self._take_payload(data, at, payload) if self._left else self._take_line(data, at)
        if self.done and at < len(data):
            raise BadMessageError("Bytes follow the end of a chunked body.")
        return payload

    def _take_payload(self, data: bytes, at: int, payload: list[bytes]) -> int:
        end = min(len(data), at + self._left)
        text = end - max(0, 2 - (self._left - (end - at)))  # the last two bytes of a chunk are its CRLF
        if text > at:
            payload.append(data[at:text])
        self._left -= end - at
        return end

    def _take_line(self, data: bytes, at: int) -> int:
        newline = data.find(b"\n", at)
        if newline < 0:
            self._line += data[at:]
            if len(self._line) > MAX_HEAD_BYTES:
                raise BadMessageError("A chunk's header is too long.")
            return len(data)
        line = (self._line + data[at:newline]).rstrip(b"\r")
        self._line = b""
        if self._trailers:
            self.done = not line
        else:
            self._open_chunk(line.partition(b";")[0].strip())
        return newline + 1

    def _open_chunk(self, size: bytes) -> None:
        try:
            length = int(size, 16)
        except ValueError:
            raise BadMessageError("A chunk's size is not a number.") from None
        self._trailers = length == 0
        self._left = length + 2 if length else 0
