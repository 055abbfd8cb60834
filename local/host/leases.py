"""One received queue message: hidden from others while we work on it, then deleted, given back or parked as poison."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

_NOT_OURS = (400, 404, 409)  # the pop receipt no longer fits, or message or queue are gone
_log = logging.getLogger("local.host.queues")


class MessageLease:
    def __init__(self, client: QueueClient, message: QueueMessage, lock_s: int) -> None:
        self.message = message
        self.dequeue_count: int = message.dequeue_count or 1
        self._client = client
        self._lock_s = lock_s
        self._receipt: str = message.pop_receipt or ""

    @contextlib.asynccontextmanager
    async def renewed(self) -> AsyncGenerator[None]:
        """Keep the message hidden for as long as the work takes."""
        renewal = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)

    async def delete(self) -> None:
        with self._lost_is_fine("delete"):
            await self._client.delete_message(self.message.id, self._receipt)

    async def release(self, delay_s: float) -> None:
        """Let the message be seen again after a delay."""
        with self._lost_is_fine("release"):
            await self._update(int(delay_s))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lock_s / 2)
            try:
                await self._update(self._lock_s)
            except HttpResponseError as error:
                if error.status_code in _NOT_OURS:
                    return
                _log.warning("Message %s could not be renewed: %s", self.message.id, error.reason)
            except AzureError as error:
                _log.warning("Message %s could not be renewed: %s", self.message.id, error.message)

    async def _update(self, hidden_s: int) -> None:
        updated = await self._client.update_message(self.message.id, self._receipt, visibility_timeout=hidden_s)
        self._receipt = updated.pop_receipt or self._receipt

    @contextlib.contextmanager
    def _lost_is_fine(self, act: str):
        """A message that is no longer ours is somebody else's to settle."""
        try:
            yield
        except HttpResponseError as error:
            if error.status_code not in _NOT_OURS:
                raise
            _log.warning("Message %s was not ours to %s any more: %s", self.message.id, act, error.reason)
