"""Spans, and the trace context that goes with a request from HTTP through the queues."""

import functools
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.tracing import names

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

type Attributes = Mapping[str, "AttributeValue"]

_HEADER = "traceparent"
_propagator = TraceContextTextMapPropagator()
_tracer: Tracer | None = None


def record(tracer: Tracer | None) -> None:
    """Make spans with this tracer from now on; None turns them off."""
    global _tracer
    _tracer = tracer


def recording() -> bool:
    return _tracer is not None


def begin(name: str, attributes: Attributes, *, kind: SpanKind = SpanKind.CLIENT) -> Span:
    """A span for whoever ends it, below the current one."""
    return INVALID_SPAN if _tracer is None else _tracer.start_span(name, kind=kind, attributes=attributes)


@contextmanager
def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    links: Sequence[Link] = (),
) -> Generator[Span]:
    """A span around a block, below the span that `parent`, a W3C traceparent, names, or else below the current one.

    An exception is told by its type alone: its text may quote what a client sent.
    """
    if _tracer is None:
        yield INVALID_SPAN
        return
    above = _propagator.extract({_HEADER: parent}) if parent else None
    with _tracer.start_as_current_span(
        name, above, kind, attributes, links, record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield opened
        except BaseException as error:
            fail(opened, type(error).__name__)
            raise


def served(operation: str, *, method: str, traceparent: str | None) -> AbstractContextManager[Span]:
    """The span of one HTTP request, below the client's.

    A host that records requests itself stands between the two: then the request is its span, and this one is inside.
    """
    attributes: Attributes = {names.METHOD: method, names.FUNCTION: operation}
    if _hosts().is_valid:
        return span(operation, attributes)
    return span(operation, attributes, kind=SpanKind.SERVER, parent=traceparent)


def consumed(
    operation: str, *, queue: str, message_id: str, attempt: int, traceparent: str | None
) -> AbstractContextManager[Span]:
    """The span of one delivery of a message, below the span that put it. The host's own, in a trace of its own, is
    linked to it."""
    attributes: Attributes = {
        names.QUEUE: queue,
        names.MESSAGE: message_id,
        names.ATTEMPT: attempt,
        "messaging.system": "azure_queue_storage",
        "messaging.operation.name": "process",
    }
    host = _hosts()
    links = [Link(host)] if host.is_valid and traceparent else []
    return span(operation, attributes, kind=SpanKind.CONSUMER, parent=traceparent, links=links)


def _hosts() -> SpanContext:
    """What the worker was told of the host's span, if the host records any."""
    return trace.get_current_span().get_span_context()


def traced[**P, Result](
    name: str,
) -> Callable[[Callable[P, Awaitable[Result]]], Callable[P, Coroutine[None, None, Result]]]:
    """Have every call of an async function be a span below the current one; `note` adds attributes from inside."""

    def decorate(function: Callable[P, Awaitable[Result]]) -> Callable[P, Coroutine[None, None, Result]]:
        @functools.wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> Result:
            with span(name):
                return await function(*args, **kwargs)

        return call

    return decorate


def note(attributes: Attributes) -> None:
    """Say more about the current span."""
    if _tracer is not None:
        trace.get_current_span().set_attributes(attributes)


def answer(answered: Span, status: int) -> None:
    """The end of an HTTP request: a client's mistake is not the server's failure."""
    answered.set_attribute(names.STATUS, status)
    if status >= 500:
        fail(answered, str(status))


def fail(failed: Span, kind: str) -> None:
    failed.set_attribute(names.ERROR_TYPE, kind)
    failed.set_status(Status(StatusCode.ERROR))


@contextmanager
def below(above: Span) -> Generator[None]:
    """What the block begins belongs to that span, though it may run elsewhere."""
    if _tracer is None:
        yield
        return
    token = context.attach(trace.set_span_in_context(above))
    try:
        yield
    finally:
        context.detach(token)


def traceparent() -> str | None:
    """The current span as a W3C traceparent, for a message to carry. None without one."""
    if _tracer is None:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(_HEADER)
