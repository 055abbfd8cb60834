"""Queues in one place: parse the message, call, then acknowledge, defer, park or fail.

@bp.queue_trigger(arg_name="msg", queue_name="usage", connection="AzureWebJobsStorage")
@consumer("usage", lambda body: wire.usage.parse_usage(body))
async def record_usage(delivery: Delivery[wire.usage.UsageMessage]) -> None: ...
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import azure.functions as func

from shared import wire, wiring
from shared.errors import CapacityError, PoisonMessageError
from shared.tracing import names, spans

log = logging.getLogger(__name__)

_DEFER_S = 5.0
_LONGEST_S = 900.0
"""No deployment that says "tomorrow" holds a document up for longer: it asks again."""


@dataclass(frozen=True, slots=True)
class Delivery[Message]:
    """One message as it was handed to us. `id` stays the same over redeliveries; `attempt` counts them from 1."""

    message: Message
    id: str
    attempt: int
    platform: wiring.Platform


def consumer[Message](
    queue: wiring.WorkQueue, parse: Callable[[bytes], Message]
) -> Callable[[Callable[[Delivery[Message]], Awaitable[None]]], Callable[[func.QueueMessage], Awaitable[None]]]:
    """Make a queue trigger out of a function that knows only the platform.

    It may raise CapacityError: the work is put off, at no cost of an attempt; PoisonMessageError: the message is parked
    with the reason; anything else spends an attempt, and after `maxDequeueCount` of them the host parks the message.
    """

    def decorate(
        handler: Callable[[Delivery[Message]], Awaitable[None]],
    ) -> Callable[[func.QueueMessage], Awaitable[None]]:
        async def trigger(msg: func.QueueMessage) -> None:
            with _span(queue, msg):
                await _consume(handler, queue, msg, parse)

        trigger.__name__ = handler.__name__
        trigger.__doc__ = handler.__doc__
        return trigger

    return decorate


def poison_consumer(
    handler: Callable[["Delivery[wire.messages.ParkedMessage]"], Awaitable[None]],
) -> Callable[[func.QueueMessage], Awaitable[None]]:
    """The same for a poison queue. What the host moved there comes without a reason; it gets one here."""

    async def trigger(msg: func.QueueMessage) -> None:
        with _span("poison", msg):
            parked = _parked(msg.get_body())
            await handler(Delivery(parked, msg.id or "", msg.dequeue_count or 1, await wiring.platform()))

    trigger.__name__ = handler.__name__
    trigger.__doc__ = handler.__doc__
    return trigger


def _parked(body: bytes) -> "wire.messages.ParkedMessage":
    try:
        return wire.messages.ParkedMessage.model_validate_json(body)
    except ValueError:
        reason = "Every attempt failed; the log tells why."
        return wire.messages.ParkedMessage(code="server_error", reason=reason, body=body.decode(errors="replace"))


def _span(queue: str, msg: func.QueueMessage) -> AbstractContextManager[object]:
    """The delivery as a span below whatever put the message; a message without a trace begins one."""
    wiring.observe()
    parent = wire.messages.traceparent_of(msg.get_body()) if spans.recording() else None
    attempt = msg.dequeue_count or 1
    return spans.consumed(f"process {queue}", queue=queue, message_id=msg.id or "", attempt=attempt, traceparent=parent)


async def _consume[Message](
    handler: Callable[[Delivery[Message]], Awaitable[None]],
    queue: wiring.WorkQueue,
    msg: func.QueueMessage,
    parse: Callable[[bytes], Message],
) -> None:
    body = msg.get_body()
    platform = await wiring.platform()
    try:
        await handler(Delivery(parse(body), msg.id or "", msg.dequeue_count or 1, platform))
    except PoisonMessageError as error:
        spans.note({names.OUTCOME: "parked"})
        await _park(platform, queue, body, error)
    except CapacityError as error:
        spans.note({names.OUTCOME: "deferred"})
        await _defer(platform, queue, parse(body), error)
    except Exception:
        log.exception("%s failed message=%s attempt=%s", handler.__name__, msg.id, msg.dequeue_count)
        raise


async def _park(platform: wiring.Platform, queue: wiring.WorkQueue, body: bytes, error: PoisonMessageError) -> None:
    log.error("parked queue=%s code=%s reason=%s", queue, error.code, error)
    parked = wire.messages.ParkedMessage(code=error.code, reason=str(error), body=body.decode(errors="replace"))
    await platform.queues.put(wiring.POISON_QUEUES[queue], parked.model_dump_json().encode())


async def _defer(platform: wiring.Platform, queue: wiring.WorkQueue, message: object, error: CapacityError) -> None:
    """Put a copy behind a delay and let this one be acknowledged: raising would spend an attempt."""
    if not isinstance(message, wire.messages.QueueMessage):
        raise error
    later = message.model_copy(update={"deferrals": message.deferrals + 1})
    delay_s = min(error.retry_after_s or _DEFER_S, _LONGEST_S)
    log.info("deferred queue=%s deferrals=%s delay_s=%s reason=%s", queue, later.deferrals, delay_s, error)
    await platform.queues.put(queue, later.model_dump_json().encode(), delay_s=delay_s)
