"""The blob trigger: Event Grid's webhook, the queue behind both sources, and the two ways to bind a blob."""

import base64
import json
import logging
import re
from dataclasses import dataclass
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
from local.host.queues import QueueSource
from local.host.storage import Storage

POISON_QUEUE = "webjobs-blobtrigger-poison"
_EVENT_GRID = ("EventGrid", 1)
_CAPTURE = re.compile(r"\\\{(\w+)\\\}")
_log = logging.getLogger("local.host.blobs")


@dataclass(frozen=True, slots=True)
class Notice:
    """One version of a blob that a function is to see."""

    function: str  # its full name
    container: str
    blob: str
    etag: str  # empty where an event did not say it
    blob_type: str = "BlockBlob"

    @property
    def path(self) -> str:
        return f"{self.container}/{self.blob}"


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
        function = self._functions.get(full_name)
        if function is None or is_polled(function):
            return 404, None
        if event_type == "SubscriptionValidation":
            return 200, {"validationResponse": events[0]["data"]["validationCode"]}
        for event in events:
            notice = self._announced(full_name, event["data"])
            if self.wants(notice):
                await self.enqueue(notice)
            else:
                _log.info("%s does not listen to %s.", full_name, notice.path)
        return 202, None

    def wants(self, notice: Notice) -> bool:
        return self._patterns[notice.function].fullmatch(notice.path) is not None

    async def enqueue(self, notice: Notice) -> None:
        message = {
            "Type": "BlobTrigger",
            "FunctionId": notice.function,
            "BlobType": notice.blob_type,
            "ContainerName": notice.container,
            "BlobName": notice.blob,
            "ETag": notice.etag,
        }
        await self._storage.enqueue(self.queue, base64.b64encode(json.dumps(message).encode()).decode())

    def _announced(self, full_name: str, data: Message) -> Notice:
        """What an event says; the path of an emulator's address begins with the account."""
        path = unquote(urlsplit(str(data["url"])).path).lstrip("/")
        account = self._storage.blob("x", "x").account_name
        container, _, name = path.removeprefix(f"{account}/").partition("/")
        return Notice(full_name, container, name, data.get("eTag", ""), data.get("blobType", "BlockBlob"))

    async def _handle(self, _message: QueueMessage, body: bytes) -> Outcome:
        notice = json.loads(body)
        function = self._functions.get(notice["FunctionId"])
        if function is None:
            return "succeeded"
        client = self._storage.blob(notice["ContainerName"], notice["BlobName"], function.trigger.connection)
        try:
            properties = await client.get_blob_properties()
            if is_polled(function) and (properties.etag or "").strip('"') != notice["ETag"].strip('"'):
                return "succeeded"  # the version is no more; the one that took its place is found by itself
            data = await _bound(function, client, notice)
        except ResourceNotFoundError:
            _log.info("%s/%s is gone; nothing to run.", notice["ContainerName"], notice["BlobName"])
            return "succeeded"
        path = f"{notice['ContainerName']}/{notice['BlobName']}"
        captures = self._patterns[function.full_name].fullmatch(path)
        metadata = _metadata(path, client.url, properties)
        metadata |= {name: ("string", value) for name, value in (captures.groupdict() if captures else {}).items()}
        return await self._invoker.run(Call(function, data, metadata))


def is_polled(function: Function) -> bool:
    """True unless the function asks for Event Grid, as on the real host."""
    return function.trigger.fields.get("source") not in _EVENT_GRID


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
