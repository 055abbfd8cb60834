"""The hot path: a model's event stream, passed on as bytes.

Only the first event, and those that carry usage, an error or the end, are looked into (GATEWAY, "CPU cost").
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from shared.errors import PlatformError, UpstreamError, UpstreamTimeoutError
from shared.gateway import sse, transcript
from shared.gateway.attempts import CLIENT_GONE, Spend, Upstreams, Usage, usage_of
from shared.gateway.refusals import refusal
from shared.ports.models import Deployment, UpstreamAnswer
from shared.wire.validation import json_of


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream whose first event has arrived: that event is in `first`, and perhaps some after it."""

    answer: UpstreamAnswer
    cutter: sse.EventCutter
    first: bytes


async def open_stream(upstreams: Upstreams, deployment: Deployment, path: str, body: bytes) -> Opened:
    """Raise what `refusal` says for a status other than 200, UpstreamError for a stream that dies before content."""
    deadline_s = upstreams.waits.deadline_s
    answer = await upstreams.transport.post(deployment, path, body, deadline_s=deadline_s)
    try:
        return await _first_event(answer, deployment, deadline_s)
    except BaseException:
        answer.close()
        raise


async def _first_event(answer: UpstreamAnswer, deployment: Deployment, deadline_s: float) -> Opened:
    if answer.status != 200:
        raise await refusal(answer, deployment)
    cutter = sse.EventCutter()
    first = b""
    while not sse.first_data(first):
        first += cutter.feed(await _piece(answer, deployment, deadline_s))
    _check_first(sse.first_data(first), deployment)
    return Opened(answer, cutter, first)


async def _piece(answer: UpstreamAnswer, deployment: Deployment, wait_s: float) -> bytes:
    piece = await answer.receive(wait_s=wait_s)
    if piece is None:
        raise UpstreamTimeoutError(f"Deployment {deployment.id!r} sent no event within {wait_s:g} s.")
    if not piece:
        raise UpstreamError(f"Deployment {deployment.id!r} ended its stream before any content.", code="upstream_cut")
    return piece


def _check_first(data: bytes, deployment: Deployment) -> None:
    if "error" in _object(data):
        raise UpstreamError(f"Deployment {deployment.id!r} failed at the start of its stream.")


class StreamRelay:
    """One stream on its way to one client. Whatever ends it, the attempt is settled and the upstream closed."""

    def __init__(self, upstreams: Upstreams, body: Mapping[str, object], spend: Spend) -> None:
        self._waits = upstreams.waits
        self._tokens = upstreams.tokens
        self._body = body
        self._spend = spend
        self._passed: list[bytes] = []
        self._usage: Usage | None = None
        self._done = False

    async def run(self, opening: "asyncio.Task[Opened]", *, include_usage: bool) -> AsyncGenerator[bytes]:
        """Yields b"" first, so that the caller can start it before anything depends on its `finally`.

        Nothing in `finally` awaits: the generator may be closed by a cancellation, where awaiting is not possible.
        """
        status = CLIENT_GONE
        try:
            yield b""
            async for events in self._events(opening):
                passed = events if events is sse.PING else self._look(events, include_usage=include_usage)
                if passed:
                    yield passed
                if self._done:
                    break
            status = 200
        except PlatformError as error:
            status = getattr(error, "upstream_status", error.status)
            yield sse.error_event(error)
        finally:
            self._close(opening)
            self._settle(status)

    async def _events(self, opening: "asyncio.Task[Opened]") -> AsyncIterator[bytes]:
        while not opening.done():
            await asyncio.wait({opening}, timeout=self._waits.ping_s)
            if not opening.done():
                yield sse.PING
        opened = opening.result()
        self._spend.first_byte()
        yield opened.first
        silent_s = 0.0
        while piece := await self._next(opened.answer, silent_s):
            if piece is sse.PING:
                silent_s += self._waits.ping_s
                yield piece
                continue
            silent_s = 0.0
            if events := opened.cutter.feed(piece):
                yield events
        yield self._end()

    async def _next(self, answer: UpstreamAnswer, silent_s: float) -> bytes:
        wait_s = min(self._waits.ping_s, self._waits.idle_s - silent_s)
        piece = await answer.receive(wait_s=wait_s)
        if piece is not None:
            return piece
        if silent_s + wait_s >= self._waits.idle_s:
            raise UpstreamTimeoutError(
                f"The model fell silent for {self._waits.idle_s:g} s in the middle of its answer."
            )
        return sse.PING

    def _end(self) -> bytes:
        """The upstream closed without `[DONE]`: fine if the answer had come to its end, a failure if not."""
        if any(sse.is_finished(piece) for piece in self._passed):
            return sse.DONE
        raise UpstreamError("The model broke off in the middle of its answer.", code="upstream_cut")

    def _look(self, events: bytes, *, include_usage: bool) -> bytes:
        self._passed.append(events)
        if not sse.is_notable(events):
            return events
        return b"".join(event for event in sse.split(events) if self._keep(event, include_usage=include_usage))

    def _keep(self, event: bytes, *, include_usage: bool) -> bool:
        """Whether the client gets this event. Takes note of usage and the end; raises on an error."""
        if self._done:
            return False
        data = sse.data_of(event)
        if data == b"[DONE]":
            self._done = True
            return True
        if not data:
            return True
        parsed = _object(data)
        if "error" in parsed:
            raise UpstreamError("The model failed in the middle of its answer.", code="upstream_error")
        self._usage = usage_of(data) or self._usage
        return include_usage or parsed.get("choices") != []

    def _close(self, opening: "asyncio.Task[Opened]") -> None:
        if not opening.done():
            opening.cancel()
        elif not opening.cancelled() and opening.exception() is None:
            opening.result().answer.close()

    def _settle(self, status: int) -> None:
        usage = self._usage
        if usage is None:
            usage = transcript.count(self._body, transcript.text_of_events(self._passed), self._tokens)
        self._spend.settle(status, usage, estimated=self._usage is None)


def _object(data: bytes) -> Mapping[str, object]:
    try:
        return json_of(data)
    except ValidationError as error:
        raise UpstreamError("The model sent a malformed event.", code="upstream_malformed") from error
