"""The line between the host and a worker process: length-prefixed JSON over a socket pair, both ways."""

import asyncio
import base64
import json
import struct
from typing import Any

type Message = dict[str, Any]
type Data = tuple[
    str, Any
]  # the kind of a binding's value (string, bytes, json, http, model_binding_data) and the value

_LENGTH = struct.Struct("!I")
_encode = json.JSONEncoder(separators=(",", ":")).encode


def pack(message: Message) -> bytes:
    body = _encode(message).encode()
    return _LENGTH.pack(len(body)) + body


async def read(reader: asyncio.StreamReader) -> Message | None:
    """The next message, or None when the other side is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return json.loads(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def to_wire(data: Data) -> list[Any]:
    kind, value = data
    return [kind, base64.b64encode(value).decode() if kind == "bytes" else value]


def from_wire(item: list[Any]) -> Data:
    kind, value = item
    return kind, base64.b64decode(value) if kind == "bytes" else value
