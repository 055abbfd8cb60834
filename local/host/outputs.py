"""Output bindings: what a function returned or set, written to queues and blobs before its success counts."""

import base64
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from local.host.frames import Data
from local.host.functions import Binding, Function
from local.host.storage import Storage

_EXPRESSION = re.compile(r"\{([\w.-]+)(?::[^}]*)?\}")


class Outputs:
    def __init__(self, storage: Storage, *, base64_queues: bool) -> None:
        self._storage = storage
        self._base64 = base64_queues

    async def write(self, function: Function, name: str, data: Data, metadata: Mapping[str, Data]) -> None:
        """Write one output. Raises AzureError, or ValueError for a binding that this host does not have."""
        binding = function.outputs.get(name)
        if binding is None or binding.kind == "http":
            return
        if binding.kind == "queue":
            await self._to_queue(binding, data, metadata)
        elif binding.kind == "blob":
            await self._to_blob(binding, data, metadata)
        else:
            raise ValueError(f"Output binding {name!r} of kind {binding.kind!r} is not one the local host has.")

    async def _to_queue(self, binding: Binding, data: Data, metadata: Mapping[str, Data]) -> None:
        queue = _resolved(binding.fields["queueName"], metadata)
        for body in _messages(data):
            text = base64.b64encode(body).decode() if self._base64 else body.decode()
            await self._storage.enqueue(queue, text, binding.connection)

    async def _to_blob(self, binding: Binding, data: Data, metadata: Mapping[str, Data]) -> None:
        container, _, name = _resolved(binding.fields["path"], metadata).partition("/")
        await self._storage.ensure_container(container, binding.connection)
        await self._storage.blob(container, name, binding.connection).upload_blob(_as_bytes(data[1]), overwrite=True)


def _messages(data: Data) -> list[bytes]:
    kind, value = data
    if kind != "json":
        return [_as_bytes(value)]
    items: Any = json.loads(value)
    return [_message(item) for item in cast("list[Any]", items if isinstance(items, list) else [items])]


def _message(item: Any) -> bytes:
    """A QueueMessage arrives as {id, body}; anything else is the message itself."""
    if isinstance(item, str):
        return item.encode()
    return item["body"].encode() if set(item) == {"id", "body"} else json.dumps(item).encode()


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _resolved(text: str, metadata: Mapping[str, Data]) -> str:
    return _EXPRESSION.sub(lambda match: _expression(match, metadata), text)


def _expression(match: re.Match[str], metadata: Mapping[str, Data]) -> str:
    if match[1] == "rand-guid":
        return str(uuid.uuid4())
    if match[1] == "DateTime":
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = {name.lower(): name for name in metadata}
    name = names.get(match[1].lower())
    return match[0] if name is None else str(metadata[name][1])
