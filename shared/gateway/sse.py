"""Server-sent events as bytes: cutting a stream where events end, and our own events in it.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import re
from collections.abc import Iterator

from pydantic_core import to_json

from shared.errors import PlatformError

PING = b": ping\n\n"
"""A comment: every OpenAI client skips it, every proxy sees that the stream lives."""

DONE = b"data: [DONE]\n\n"

_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')


class EventCutter:
    """Gathers pieces of any size and gives back whole events, with `\\n` as the only line end."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> bytes:
        """All events that are whole by now; b"" when there is none."""
        data = self._rest + piece if self._rest else piece
        if b"\r" in data:
            # A lone \r at the end may be half of a \r\n.
            held = b"\r" if data.endswith(b"\r") else b""
            data = data.removesuffix(held).replace(b"\r\n", b"\n") + held
        end = data.rfind(b"\n\n") + 2
        if end < 2:
            self._rest = data
            return b""
        self._rest = data[end:]
        return data[:end]


def is_notable(events: bytes) -> bool:
    """Whether somebody must look into these events: they carry usage, an error or the end, or do not look like JSON.

    Within a JSON string the quotes are escaped, so a model that writes about usage does not match.
    """
    if not events.startswith(b"data: {") or not events.endswith(b"}\n\n"):
        return True
    # Several events in one piece: each ends as JSON does before the next begins.
    if events.count(b"\n\n") != events.count(b"}\n\ndata: {") + 1:
        return True
    return b"[DONE]" in events or b'"error"' in events or _USAGE.search(events) is not None


def is_finished(events: bytes) -> bool:
    """Whether a choice in these events came to its end."""
    return _FINISHED.search(events) is not None


def split(events: bytes) -> Iterator[bytes]:
    """Each event with the empty line that ends it."""
    for event in events.split(b"\n\n"):
        if event.strip(b"\n"):
            yield event + b"\n\n"


def data_of(event: bytes) -> bytes:
    """What follows `data:`, lines joined; b"" for comments."""
    lines = (line for line in event.split(b"\n") if line.startswith(b"data:"))
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines)


def first_data(events: bytes) -> bytes:
    """The data of the first event that has any."""
    return next((data for event in split(events) if (data := data_of(event))), b"")


def without_usage(events: bytes) -> bytes:
    """These events but for the chunk that only says what was used."""
    if _USAGE.search(events) is None:
        return events
    return b"".join(event for event in split(events) if not (_USAGE.search(event) and _NO_CHOICES.search(event)))


def event_of(payload: object) -> bytes:
    return b"data: " + to_json(payload) + b"\n\n"


def error_event(error: PlatformError) -> bytes:
    """What ends a stream that failed. No `[DONE]` may follow: a client would take the answer for a whole one."""
    return event_of({"error": {"message": str(error), "type": error.type, "param": error.param, "code": error.code}})
