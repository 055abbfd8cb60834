"""Usage events on their way into the queue: writes that outlive their callers, and nothing that fails unheard."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine
from functools import partial

from shared.errors import NotFoundError, PlatformError
from shared.ports.queues import Queues, Receipt
from shared.ports.usage import UsageEvent
from shared.wire.usage import UsageMessage

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""Of one delivery, each with the queue adapter's own retries inside."""

IN_FLIGHT = 32
"""Writes at once. Without a bound a slow queue makes every write time out, and the retries keep it slow."""

type Write = asyncio.Task[Receipt | None]
"""Ends with the right to change the hidden message, or None when there is none."""

_jitter = secrets.SystemRandom()


class Outbox:
    def __init__(self, queues: Queues, *, backoff_s: float) -> None:
        self._queues = queues
        self._backoff_s = backoff_s
        # The loop keeps only weak references to its tasks.
        self._writes: set[Write] = set()
        self._waiting: set[asyncio.Task[object] | None] = set()
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    def announce(self, estimate: UsageEvent, *, hidden_s: float) -> Write:
        """Put the event as a hidden message, once: the call it stands for must not wait for a queue that is down."""
        return self._start(self._announce(estimate, hidden_s), None)

    def renew(self, after: Write, estimate: UsageEvent, *, hidden_s: float) -> Write:
        """Hide the message again."""
        return self._start(self._renew(after, estimate, hidden_s), None)

    def deliver(self, after: Write, event: UsageEvent) -> Write:
        """Turn the hidden message into the event and show it; without one, put the event itself.

        A message that still waits to be sent need not be: the event says more.
        """
        if after in self._waiting:
            after.cancel()
        return self._start(self._deliver(after, event), event)

    def send(self, event: UsageEvent) -> Write:
        """Put an event of which no message has been announced."""
        return self._start(self._deliver(None, event), event)

    async def drain(self) -> None:
        """Wait until every write that was begun has ended."""
        while self._writes:
            await asyncio.wait(set(self._writes))

    def _start(self, work: Coroutine[None, None, Receipt | None], event: UsageEvent | None) -> Write:
        task = asyncio.create_task(work)
        self._writes.add(task)
        task.add_done_callback(partial(self._ended, event=event))
        return task

    def _ended(self, task: Write, *, event: UsageEvent | None) -> None:
        self._writes.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("usage_write_failed", exc_info=error)
        if event is not None and (task.cancelled() or error is not None):
            _lost(event)

    async def _announce(self, estimate: UsageEvent, hidden_s: float) -> Receipt | None:
        task = asyncio.current_task()
        self._waiting.add(task)
        try:
            async with self._slots:
                self._waiting.discard(task)
                return await self._queues.put("usage", _body(estimate), delay_s=hidden_s)
        except PlatformError as error:
            log.warning("usage_unannounced id=%s reason=%s", estimate.id, error)
            return None
        finally:
            self._waiting.discard(task)

    async def _renew(self, after: Write, estimate: UsageEvent, hidden_s: float) -> Receipt | None:
        receipt = await _receipt(after)
        if receipt is None:
            return None
        try:
            async with self._slots:
                return await self._queues.update("usage", receipt, _body(estimate), delay_s=hidden_s)
        except NotFoundError:
            log.warning("usage_surfaced id=%s before it was renewed", estimate.id)
            return None
        except PlatformError as error:
            log.warning("usage_unrenewed id=%s reason=%s", estimate.id, error)
            return receipt

    async def _deliver(self, after: Write | None, event: UsageEvent) -> None:
        receipt, body = None if after is None else await _receipt(after), _body(event)
        for attempt in range(ATTEMPTS):
            try:
                async with self._slots:
                    return await self._write(receipt, body)
            except PlatformError as error:
                log.warning("usage_undelivered id=%s attempt=%s reason=%s", event.id, attempt + 1, error)
            if attempt < ATTEMPTS - 1:
                await asyncio.sleep(_jitter.uniform(0.5, 1) * self._backoff_s * 2**attempt)
        return _lost(event)

    async def _write(self, receipt: Receipt | None, body: bytes) -> None:
        if receipt is not None:
            try:
                await self._queues.update("usage", receipt, body)
            except NotFoundError:
                # It surfaced as an estimate already, or an earlier update took effect and only its answer was lost.
                # Either way the same id goes in again, and the ledger knows what to do with that.
                await self._queues.put("usage", body)
        else:
            await self._queues.put("usage", body)


async def _receipt(write: Write) -> Receipt | None:
    """What the write ended with; None as well when it was cancelled or crashed, which is logged where it ended."""
    if not write.done():
        await asyncio.wait({write})
    return None if write.cancelled() or write.exception() is not None else write.result()


def _lost(event: UsageEvent) -> None:
    """The last resort: the whole event in the log, ready to be put on the queue by hand."""
    log.error("usage_lost id=%s event=%s", event.id, _body(event).decode())


def _body(event: UsageEvent) -> bytes:
    return UsageMessage.model_validate(event).model_dump_json().encode()
