"""The hot path: a model's event stream, passed on as bytes.

Only the first event, and those that carry usage, an error or the end, are looked into (GATEWAY, "CPU cost").
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from shared.errors import PlatformError, UpstreamError, UpstreamTimeoutError
from shared.gateway import sse, transcript
from shared.gateway.attempts import CLIENT_GONE, Upstreams, Usage, usage_of
from shared.gateway.opening import Opened, parsed
from shared.gateway.passed import Passed
from shared.gateway.routing import Routed
from shared.ports.models import UpstreamAnswer

type Opening = asyncio.Task[Routed[Opened]]
"""A stream that is being opened; it settles itself when that fails or is cancelled."""


class StreamRelay:
    """One stream on its way to one client. Whatever ends it, the attempt is settled and the upstream closed."""

    def __init__(self, upstreams: Upstreams, body: Mapping[str, object]) -> None:
        self._waits = upstreams.waits
        self._tokens = upstreams.tokens
        self._body = body
        self._passed = Passed()
        self._usage: Usage | None = None
        self._done = False

    async def run(self, opening: Opening, *, include_usage: bool) -> AsyncGenerator[bytes]:
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
            status = 200
        except PlatformError as error:
            status = error.status
            self._blame(opening, error)
            yield sse.error_event(error)
        finally:
            self._close(opening, status)

    async def _events(self, opening: Opening) -> AsyncIterator[bytes]:
        while not opening.done():
            await asyncio.wait({opening}, timeout=self._waits.ping_s)
            if not opening.done():
                yield sse.PING
        opened = opening.result().value
        yield opened.first
        silent_s = 0.0
        while not self._done:
            piece = await self._next(opened.answer, silent_s)
            if piece is sse.PING:
                silent_s += self._waits.ping_s
                yield piece
                continue
            silent_s = 0.0
            if events := opened.cutter.feed(piece) if piece else self._end():
                yield events

    async def _next(self, answer: UpstreamAnswer, silent_s: float) -> bytes:
        wait_s = min(self._waits.ping_s, self._waits.idle_s - silent_s)
        piece = await answer.receive(wait_s=wait_s, gather_s=0 if silent_s else self._waits.gather_s)
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
        self._passed.add(events)
        if not sse.is_notable(events):
            return events
        return b"".join(event for event in sse.split(events) if self._keep(event, include_usage=include_usage))

    def _keep(self, event: bytes, *, include_usage: bool) -> bool:
        """Whether the client gets this event. Takes note of usage and the end; raises on an error."""
        if self._done:
            return False
        if not sse.is_notable(event):
            return True
        data = sse.data_of(event)
        if data == b"[DONE]":
            self._done = True
            return True
        if not data:
            return True
        chunk = parsed(data)
        if "error" in chunk:
            raise UpstreamError("The model failed in the middle of its answer.", code="upstream_error")
        self._usage = usage_of(data) or self._usage
        return include_usage or chunk.get("choices") != []

    def _blame(self, opening: Opening, error: PlatformError) -> None:
        if _has_opened(opening):
            opening.result().turn.health.failed(str(error))

    def _close(self, opening: Opening, status: int) -> None:
        if not _has_opened(opening):
            opening.cancel()
            return
        opened = opening.result().value
        opened.answer.close()
        usage = self._usage
        if usage is None:
            usage = transcript.count(self._body, transcript.text_of_events(self._passed), self._tokens)
        opened.spend.observed.streamed(self._passed)
        opened.spend.settle(status, usage, estimated=self._usage is None)


def abandon(opening: Opening) -> None:
    """Cancel the opening; if it has just succeeded, close what it opened and settle it."""

    def close(task: Opening) -> None:
        if _has_opened(task):
            task.result().value.answer.close()
            task.result().value.spend.settle(CLIENT_GONE)

    opening.add_done_callback(close)
    opening.cancel()


def _has_opened(opening: Opening) -> bool:
    return opening.done() and not opening.cancelled() and opening.exception() is None
