"""What the server served: one entry a call, with its own count of tokens, bytes and departures."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

_SECRET_HEADERS = {"authorization", "api-key", "cookie", "proxy-authorization"}


@dataclass(slots=True)
class Entry:
    """One call. `prompt_tokens` count from the moment the model works, `completion_tokens` only once they are sent."""

    number: int
    model: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    auth: str | None
    body: Any
    at: float
    started: float
    status: int | None = None
    fault: str | None = None
    stream: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usage_sent: dict[str, Any] | None = None
    bytes_sent: int = 0
    chunks_sent: int = 0
    first_byte_ms: float | None = None
    duration_ms: float | None = None
    client_left_ms: float | None = None

    @property
    def finished(self) -> bool:
        return self.duration_ms is not None

    @property
    def client_left(self) -> bool:
        return self.client_left_ms is not None

    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.started) * 1000

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "started"}


@dataclass(slots=True)
class Totals:
    calls: int = 0
    active: int = 0
    most_active: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    bytes_sent: int = 0
    clients_left: int = 0
    by_status: dict[str, int] = field(default_factory=dict)
    by_model: dict[str, int] = field(default_factory=dict)


class Journal:
    """Every entry since the last reset. `keep_bodies=False` spares memory when a benchmark makes thousands of calls."""

    def __init__(self, *, keep_bodies: bool = True) -> None:
        self.keep_bodies = keep_bodies
        self.entries: list[Entry] = []
        self._active = 0
        self._most_active = 0
        self._waiting: list[asyncio.Future[None]] = []

    def open(
        self, *, model: str, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Any
    ) -> Entry:
        kept = {name.lower(): value for name, value in headers.items() if name.lower() not in _SECRET_HEADERS}
        entry = Entry(
            number=len(self.entries) + 1,
            model=model,
            method=method,
            path=path,
            query=query,
            headers=kept if self.keep_bodies else {},
            auth=_auth_kind({name.lower(): value for name, value in headers.items()}),
            body=body if self.keep_bodies else None,
            at=time.time(),
            started=time.perf_counter(),
        )
        self.entries.append(entry)
        self._active += 1
        self._most_active = max(self._most_active, self._active)
        self._notify()
        return entry

    def close(self, entry: Entry) -> None:
        entry.duration_ms = entry.elapsed_ms()
        self._active -= 1
        self._notify()

    def reset(self) -> None:
        """Forget everything; calls under way stay active but are no longer listed."""
        self.entries = []
        self._most_active = self._active

    def of(self, model: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.model == model]

    @property
    def totals(self) -> Totals:
        entries = self.entries
        return Totals(
            calls=len(entries),
            active=self._active,
            most_active=self._most_active,
            prompt_tokens=sum(e.prompt_tokens for e in entries),
            completion_tokens=sum(e.completion_tokens for e in entries),
            bytes_sent=sum(e.bytes_sent for e in entries),
            clients_left=sum(e.client_left for e in entries),
            by_status=dict(Counter(str(e.status) for e in entries)),
            by_model=dict(Counter(e.model for e in entries)),
        )

    async def wait_until(self, condition: Callable[["Journal"], bool], *, timeout_s: float = 10) -> None:
        """Return as soon as the condition holds; TimeoutError if it does not in time."""
        async with asyncio.timeout(timeout_s):
            while not condition(self):
                changed = asyncio.get_running_loop().create_future()
                self._waiting.append(changed)
                await changed

    async def wait_finished(self, calls: int = 1, *, timeout_s: float = 10) -> None:
        await self.wait_until(lambda journal: sum(e.finished for e in journal.entries) >= calls, timeout_s=timeout_s)

    async def wait_left(self, clients: int = 1, *, timeout_s: float = 10) -> None:
        await self.wait_until(lambda journal: journal.totals.clients_left >= clients, timeout_s=timeout_s)

    async def wait_chunks(self, chunks: int, *, timeout_s: float = 10) -> None:
        """Return once some call has sent this many content chunks."""
        await self.wait_until(
            lambda journal: any(e.chunks_sent >= chunks for e in journal.entries), timeout_s=timeout_s
        )

    def sent(self, entry: Entry, size_bytes: int, *, tokens: int | None = None) -> None:
        """Count bytes that left; `tokens` says that they were a delta of the answer, and how long it was."""
        if entry.first_byte_ms is None:
            entry.first_byte_ms = entry.elapsed_ms()
        entry.bytes_sent += size_bytes
        if tokens is not None:
            entry.chunks_sent += 1
            entry.completion_tokens += tokens
        self._notify()

    def _notify(self) -> None:
        waiting, self._waiting = self._waiting, []
        for changed in waiting:
            if not changed.done():
                changed.set_result(None)


def _auth_kind(headers: dict[str, str]) -> str | None:
    if headers.get("api-key"):
        return "api-key"
    return headers["authorization"].split(" ")[0].lower() if headers.get("authorization") else None
