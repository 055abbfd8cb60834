"""What the sample app must do on any Functions host, row by row, as data: for the local host and for `func start`."""

from dataclasses import dataclass, field
from typing import Any

type Note = tuple[object, ...]  # what the sample app wrote down begins with this


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One stimulus (a request, a message, or a blob with its event) and everything that must come of it."""

    name: str
    request: tuple[str, str] | None = None  # method and path
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    status: int = 200
    json: dict[str, Any] = field(default_factory=dict[str, Any])  # the answer has at least these members
    message: tuple[str, str] | None = None  # queue (less its prefix) and text
    raw: bool = False  # the text goes as it is, not in base64
    blob: tuple[str, str, bytes, str] | None = None  # container, name, content, function that hears of it
    deleted: bool = False  # the blob is gone before its event comes
    polled: tuple[str, str, bytes] | None = None  # container (less its prefix), name, content: no event tells of it
    notes: tuple[Note, ...] = ()  # in this order, each exactly once
    queued: tuple[str, str] | None = None  # queue and a text that arrives there


HTTP = (
    Row(name="a function answers", request=("GET", "/api/ping"), json={"pong": True}),
    Row(name="a literal route wins", request=("GET", "/api/items/special"), json={"special": True}),
    Row(
        name="parameters and query arrive",
        request=("GET", "/api/items/other/7?a=b"),
        json={"params": {"kind": "other", "id": "7"}, "query": {"a": "b"}, "method": "GET"},
    ),
    Row(name="an optional part may be missing", request=("GET", "/api/items/other"), json={"method": "GET"}),
    Row(name="a constraint keeps others out", request=("GET", "/api/items/123"), status=404),
    Row(name="a catch-all takes the rest", request=("GET", "/api/rest/a/b%20c"), json={"path": "a/b c"}),
    Row(name="a lower route takes its method", request=("PUT", "/api/rest/one"), json={"put": "one"}),
    Row(name="an unknown path is 404", request=("GET", "/api/unknown"), status=404),
    Row(name="a known path with another method is 404", request=("DELETE", "/api/ping"), status=404),
    Row(name="keys are not asked for", request=("GET", "/api/keyed"), json={"ok": True}),
    Row(name="a caller's header arrives", request=("GET", "/api/headers"), headers={"x-o": "k"}, json={"x-o": "k"}),
    Row(name="the context names the function", request=("GET", "/api/context"), json={"function": "context_of"}),
    Row(name="a body arrives whole", request=("POST", "/api/upload"), body=b"x" * 900_000, json={"total": 900_000}),
    Row(name="an answer before the body was read", request=("POST", "/api/refuse"), body=b"x" * 900_000, status=409),
    Row(name="a function that fails is 500", request=("GET", "/api/boom"), status=500),
    Row(
        name="an output binding of an HTTP function",
        request=("POST", "/api/enqueue"),
        body=b"note parity",
        status=202,
        notes=(("job", "note parity", 1), ("job-done", "note parity", 1)),
    ),
)

QUEUE = (
    Row(
        name="a list is one message each",
        message=("fan-out", "first-of-three,second,third"),
        queued=("results", "second"),
    ),
    Row(name="a returned value is a message", message=("returns", "loud"), queued=("results", "LOUD")),
    Row(
        name="a failing message is parked after its attempts",
        message=("jobs", "fail parity"),
        notes=(*(("job", "fail parity", count) for count in (1, 2, 3)), ("poison", "fail parity")),
    ),
    Row(
        name="a dead worker's message is tried again",
        message=("jobs", "die-once parity"),
        notes=(("job", "die-once parity", 1), ("job", "die-once parity", 2), ("job-done", "die-once parity", 2)),
    ),
    Row(
        name="retries in memory do not count as dequeues",
        message=("fixed", "x"),
        notes=tuple(("fixed", 1, retry, 2) for retry in (0, 1, 2)),
    ),
    Row(
        name="dequeues count once retries are used up",
        message=("exponential", "x"),
        notes=tuple(("exponential", count, retry) for count in (1, 2, 3) for retry in (0, 1)),
        queued=("exponential-poison", "x"),
    ),
    Row(
        name="what is not base64 is parked as it is",
        message=("described", "not base64!"),
        raw=True,
        queued=("described-poison", "not base64!"),
    ),
)

BLOB = (
    Row(
        name="a blob is given with its content",
        blob=("uploads", "parity/a b.txt", b"hello", "on_upload"),
        notes=(("upload", "uploads/parity/a b.txt", 5, "hello"),),
    ),
    Row(
        name="a client binding gets the address",
        blob=("big", "parity/large.bin", b"x" * 300_000, "on_big"),
        notes=(("big", "big", "parity/large.bin", 300_000),),
    ),
    Row(name="a blob that is gone is done", blob=("uploads", "parity/gone", b"x", "on_upload"), deleted=True),
    Row(
        name="a blob that fails is tried as host.json says",
        blob=("uploads", "parity/bad", b"poison", "on_upload"),
        notes=(("upload", "uploads/parity/bad"), ("upload", "uploads/parity/bad")),
    ),
    Row(
        name="a container without events is looked through",
        polled=("polled", "parity/found.txt", b"hello"),
        notes=(("polled", "parity/found.txt", "hello"),),
    ),
)

TIMER = (Row(name="a timer that asks for it runs at start", notes=(("nightly", False),)),)

ROWS = (*HTTP, *QUEUE, *BLOB, *TIMER)
