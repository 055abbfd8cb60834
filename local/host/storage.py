"""Azure Storage for listeners and bindings: clients by connection setting, and queues that wake their reader."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from local.host.config import expanded
from local.host.process import AppError

HOST_CONNECTION = "AzureWebJobsStorage"
_RETRY: dict[str, Any] = {"retry_total": 2, "initial_backoff": 0, "increment_base": 1, "random_jitter_range": 0}


class Storage:
    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._queues: dict[str, QueueServiceClient] = {}
        self._blobs: dict[str, BlobServiceClient] = {}
        self._wakers: dict[str, asyncio.Event] = {}

    def queue(self, name: str, connection: str = HOST_CONNECTION) -> QueueClient:
        if connection not in self._queues:
            text = self._connection_string(connection)
            self._queues[connection] = QueueServiceClient.from_connection_string(text, **_RETRY)
        return self._queues[connection].get_queue_client(name)

    def container(self, name: str, connection: str = HOST_CONNECTION) -> ContainerClient:
        if connection not in self._blobs:
            text = self._connection_string(connection)
            self._blobs[connection] = BlobServiceClient.from_connection_string(text, **_RETRY)
        return self._blobs[connection].get_container_client(name)

    def blob(self, container: str, name: str, connection: str = HOST_CONNECTION) -> BlobClient:
        return self.container(container, connection).get_blob_client(name)

    def waker(self, queue: str) -> asyncio.Event:
        """Set whenever this host itself puts a message on the queue."""
        return self._wakers.setdefault(queue, asyncio.Event())

    async def enqueue(self, queue: str, text: str, connection: str = HOST_CONNECTION) -> None:
        """Put a message, already encoded, on a queue that may not exist yet."""
        client = self.queue(queue, connection)
        try:
            await client.send_message(text)
        except ResourceNotFoundError:
            await self.ensure_queue(queue, connection)
            await client.send_message(text)
        self.waker(queue).set()

    async def ensure_queue(self, name: str, connection: str = HOST_CONNECTION) -> None:
        with contextlib.suppress(ResourceExistsError):
            await self.queue(name, connection).create_queue()

    async def ensure_container(self, name: str, connection: str = HOST_CONNECTION) -> None:
        with contextlib.suppress(ResourceExistsError):
            await self.container(name, connection).create_container()

    async def close(self) -> None:
        for client in [*self._queues.values(), *self._blobs.values()]:
            await client.close()

    def _connection_string(self, connection: str) -> str:
        text = self._settings.get(connection)
        if not text:
            raise AppError(f"The app setting {connection!r}, which a binding names as its connection, is not set.")
        return expanded(text)
