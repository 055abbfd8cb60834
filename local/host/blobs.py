"""The blob trigger with source Event Grid: the webhook, the queue behind it, and the two ways to bind a blob."""

import base64
import json
import logging
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobClient
from azure.storage.queue import QueueMessage

from local.host.config import HostJson
from local.host.frames import Data, Message
from local.host.functions import Function
from local.host.invocation import Call, Invoker, Outcome
from local.host.process import AppError
from local.host.queues import QueueSource
from local.host.storage import Storage

POISON_QUEUE = "webjobs-blobtrigger-poison"
_EVENT_GRID = ("EventGrid", 1)
_CAPTURE = re.compile(r"\\\{(\w+)\\\}")
_log = logging.getLogger("local.host.blobs")


class BlobTrigger:
    """All blob functions of an app share one internal queue, as they do in the real host."""

    def __init__(self, functions: list[Function], host_id: str, storage: Storage, invoker: Invoker) -> None:
        self._functions = {function.full_name: function for function in functions}
        self._patterns = {function.full_name: _pattern(function) for function in functions}
        self._storage = storage
        self._invoker = invoker
        self.queue = f"azure-webjobs-blobtrigger-{host_id}"

    def source(self, settings: HostJson) -> QueueSource:
        return QueueSource(self.queue, POISON_QUEUE, settings.blobs, self._handle)

    async def receive(self, full_name: str, event_type: str, events: list[Message]) -> tuple[int, Message | None]:
        """Answer Event Grid's delivery to the webhook of a function: a status, and a body for the handshake."""
        if full_name not in self._functions:
            return 404, None
        if event_type == "SubscriptionValidation":
            return 200, {"validationResponse": events[0]["data"]["validationCode"]}
        for event in events:
            await self._enqueue(full_name, event["data"])
        return 202, None

    async def _enqueue(self, full_name: str, data: Message) -> None:
        container, name = self._address(data["url"])
        if not self._patterns[full_name].fullmatch(f"{container}/{name}"):
            _log.info("%s does not listen to %s/%s.", full_name, container, name)
            return
        message = {
            "Type": "BlobTrigger",
            "FunctionId": full_name,
            "BlobType": data.get("blobType", "BlockBlob"),
            "ContainerName": container,
            "BlobName": name,
            "ETag": data.get("eTag", ""),
        }
        await self._storage.enqueue(self.queue, base64.b64encode(json.dumps(message).encode()).decode())

    def _address(self, url: str) -> tuple[str, str]:
        """Container and blob name; the path of an emulator's address begins with the account."""
        path = unquote(urlsplit(url).path).lstrip("/")
        account = self._storage.blob("x", "x").account_name
        container, _, name = path.removeprefix(f"{account}/").partition("/")
        return container, name

    async def _handle(self, _message: QueueMessage, body: bytes) -> Outcome:
        notice = json.loads(body)
        function = self._functions.get(notice["FunctionId"])
        if function is None:
            return "succeeded"
        client = self._storage.blob(notice["ContainerName"], notice["BlobName"], function.trigger.connection)
        try:
            properties = await client.get_blob_properties()
            data = await _bound(function, client, notice)
        except ResourceNotFoundError:
            _log.info("%s/%s is gone; nothing to run.", notice["ContainerName"], notice["BlobName"])
            return "succeeded"
        path = f"{notice['ContainerName']}/{notice['BlobName']}"
        captures = self._patterns[function.full_name].fullmatch(path)
        metadata = _metadata(path, client.url, properties)
        metadata |= {name: ("string", value) for name, value in (captures.groupdict() if captures else {}).items()}
        return await self._invoker.run(Call(function, data, metadata))


def event_grid_functions(functions: list[Function]) -> list[Function]:
    """The app's blob functions. Raises AppError for the polled source; the Flex Consumption plan has none either."""
    blobs = [function for function in functions if function.trigger.kind == "blobtrigger"]
    for function in blobs:
        if function.trigger.fields.get("source") not in _EVENT_GRID:
            raise AppError(f"Blob function {function.name!r} polls its container; it must have source EventGrid here.")
    return blobs


def _pattern(function: Function) -> re.Pattern[str]:
    path = function.trigger.fields["path"]
    return re.compile(_CAPTURE.sub(r"(?P<\1>.+)", re.escape(path if "/" in path else f"{path}/{{name}}")), re.DOTALL)


async def _bound(function: Function, client: BlobClient, notice: Message) -> Data:
    if not function.trigger.deferred:
        return "bytes", await (await client.download_blob()).readall()
    address = {
        "Connection": function.trigger.connection,
        "ContainerName": notice["ContainerName"],
        "BlobName": notice["BlobName"],
    }
    content = json.dumps(address)
    return "model_binding_data", {
        "version": "1.0",
        "source": "AzureStorageBlobs",
        "content_type": "application/json",
        "content": content,
    }


def _metadata(path: str, url: str, properties: BlobProperties) -> dict[str, Data]:
    known: dict[str, Any] = {
        "ContentLength": properties.size,
        "ContentType": properties.content_settings.content_type,
        "ETag": properties.etag,
        "LastModified": properties.last_modified.isoformat() if properties.last_modified else None,
    }
    return {
        "BlobTrigger": ("string", path),
        "Uri": ("string", url),
        "Properties": ("json", json.dumps(known)),
        "Metadata": ("json", json.dumps(dict(properties.metadata or {}))),
    }
