"""The queue listener: receives in batches, backs off when idle, counts attempts, and parks what keeps failing."""

import asyncio
import base64
import binascii
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from azure.core.exceptions import AzureError
from azure.storage.queue import QueueMessage

from local.host.config import HostConfig, QueueOptions
from local.host.frames import Data
from local.host.functions import Function
from local.host.invocation import Call, Invoker, Outcome
from local.host.leases import MessageLease
from local.host.pool import WorkerPool
from local.host.storage import HOST_CONNECTION, Storage

_MIN_POLL_S = 0.1
_MAX_QUEUE_NAME = 63
_log = logging.getLogger("local.host.queues")

type Handler = Callable[[QueueMessage, bytes], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class QueueSource:
    queue: str
    poison: str | None
    options: QueueOptions
    handler: Handler
    connection: str = HOST_CONNECTION


class QueueListener:
    def __init__(self, source: QueueSource, config: HostConfig, storage: Storage, pool: WorkerPool) -> None:
        self._source = source
        self._lock_s = config.lock_s
        self._storage = storage
        self._pool = pool
        self._client = storage.queue(source.queue, source.connection)
        self._waker = storage.waker(source.queue)
        self._idle_polls = 0
        self._stopping = False
        self._loop: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._storage.ensure_queue(self._source.queue, self._source.connection)
        self._loop = asyncio.create_task(self._listen())

    def stop(self) -> None:
        """Receive nothing more; what is running goes on."""
        self._stopping = True
        self._waker.set()

    async def drained(self) -> None:
        """Wait until nothing is received or running any more."""
        if self._loop is not None:
            await self._loop
        while self._running:
            await asyncio.wait(self._running)

    async def _listen(self) -> None:
        while not self._stopping:
            await self._pool.ready()
            messages = await self._receive()
            for message in messages:
                self._begin(message)
            if messages:
                self._idle_polls = 0
                await self._room()
            else:
                await self._pause()

    async def _receive(self) -> list[QueueMessage]:
        batch = self._source.options.batch_size
        try:
            received = self._client.receive_messages(max_messages=batch, visibility_timeout=self._lock_s)
            return [message async for message in received]
        except AzureError as error:
            _log.warning("Queue %s could not be read: %s", self._source.queue, error.message)
            return []

    def _begin(self, message: QueueMessage) -> None:
        task = asyncio.create_task(self._process(MessageLease(self._client, message, self._lock_s)))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _room(self) -> None:
        """Wait until few enough messages are running to fetch the next batch."""
        while len(self._running) > self._source.options.new_batch_threshold and not self._stopping:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _pause(self) -> None:
        delay = _MIN_POLL_S
        if self._idle_polls:
            spread = random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
            delay += spread * _MIN_POLL_S * 2 ** min(self._idle_polls - 1, 16)
        self._idle_polls += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._waker.wait(), min(delay, self._source.options.max_poll_s))
        self._waker.clear()

    async def _process(self, lease: MessageLease) -> None:
        try:
            await self._settle(lease)
        except AzureError as error:
            _log.warning("Message %s stays hidden until its lock ends: %s", lease.message.id, error.message)

    async def _settle(self, lease: MessageLease) -> None:
        body = self._decoded(lease.message.content)
        limit = self._source.options.max_dequeue_count
        if body is None or lease.dequeue_count > limit:
            await self._park(lease, "it is not base64" if body is None else "it was tried too often")
            return
        async with lease.renewed():
            outcome = await self._source.handler(lease.message, body)
        if outcome == "succeeded":
            await lease.delete()
        elif lease.dequeue_count >= limit and not (outcome == "gone" and self._stopping):
            await self._park(lease, f"attempt {lease.dequeue_count} of {limit} failed")
        else:
            await lease.release(0 if outcome == "gone" else self._source.options.retry_delay_s)
            self._waker.set()

    async def _park(self, lease: MessageLease, reason: str) -> None:
        """Copy the message as it is to the poison queue; a poison queue has none, so there it is only let go."""
        poison, message = self._source.poison, lease.message
        _log.error("Message %s of %s goes to %s: %s.", message.id, self._source.queue, poison or "nowhere", reason)
        if poison is not None:
            await self._storage.enqueue(poison, message.content, self._source.connection)
            await lease.delete()

    def _decoded(self, content: str) -> bytes | None:
        if not self._source.options.base64:
            return content.encode()
        try:
            return base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            return None


def poison_queue(queue: str) -> str | None:
    name = f"{queue}-poison"
    return None if queue.endswith("-poison") or len(name) > _MAX_QUEUE_NAME else name


def queue_trigger(function: Function, options: QueueOptions, invoker: Invoker) -> QueueSource:
    queue = function.trigger.fields["queueName"]

    async def handle(message: QueueMessage, body: bytes) -> Outcome:
        return await invoker.run(_call(function, message, body))

    return QueueSource(queue, poison_queue(queue), options, handle, function.trigger.connection)


def _call(function: Function, message: QueueMessage, body: bytes) -> Call:
    data = _text_or_bytes(body)
    metadata: dict[str, Data] = {
        "QueueTrigger": data,
        "Id": ("string", message.id),
        "DequeueCount": ("json", str(message.dequeue_count)),
        "PopReceipt": ("string", message.pop_receipt),
        "InsertionTime": ("string", message.inserted_on.isoformat() if message.inserted_on else ""),
        "ExpirationTime": ("string", message.expires_on.isoformat() if message.expires_on else ""),
        "NextVisibleTime": ("string", message.next_visible_on.isoformat() if message.next_visible_on else ""),
    }
    return Call(function, data, metadata)


def _text_or_bytes(body: bytes) -> Data:
    try:
        return "string", body.decode()
    except UnicodeDecodeError:
        return "bytes", body
