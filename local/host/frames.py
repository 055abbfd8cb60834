"""The line between the host and a worker process: length-prefixed JSON over a socket pair, both ways."""

import asyncio
import base64
import json
import struct
from collections.abc import Callable
from typing import Any, cast

type Message = dict[str, Any]
type Data = tuple[
    str, Any
]  # the kind of a binding's value (string, bytes, json, http, model_binding_data) and the value

_LENGTH = struct.Struct("!I")
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Line(asyncio.Protocol):
    """One end. `received` is called with each message; `closed` is done once no more can come or go."""

    def __init__(self, received: Callable[[Message], None]) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._received = received
        self._rest = bytearray()
        self._leaving: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        rest = self._rest
        rest += data
        while len(rest) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(rest)[0]
            if len(rest) < end:
                return
            message = json.loads(rest[_LENGTH.size : end])
            del rest[:end]
            self._received(message)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # either way it is over
        if not self.closed.done():
            self.closed.set_result(None)

    def send(self, message: Message) -> None:
        """Messages of one turn of the event loop leave in one write."""
        if not self._leaving:
            asyncio.get_running_loop().call_soon(self._flush)
        body = _encode(message).encode()
        self._leaving.append(_LENGTH.pack(len(body)) + body)

    def close(self) -> None:
        """What was sent still leaves."""
        self._flush()
        self._transport.close()

    @property
    def closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._leaving and not self._transport.is_closing():
            self._transport.write(b"".join(self._leaving))
        self._leaving.clear()


def to_wire(data: Data) -> list[Any]:
    kind, value = data
    return [kind, base64.b64encode(value).decode() if kind == "bytes" else value]


def from_wire(item: list[Any]) -> Data:
    kind, value = item
    return kind, base64.b64decode(value) if kind == "bytes" else value
