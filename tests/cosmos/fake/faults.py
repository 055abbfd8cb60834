"""Faults on demand: one after the other, or a storm in which every request fails once before it succeeds."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.cosmos.fake.answers import RefusalError

_MOST_STRIKES = 5
"""Of requests that look the same: where many come at once, none is struck as often as it is tried."""

READS = frozenset({"read", "query"})


@dataclass(frozen=True)
class Request:
    kind: str
    container: str
    partition: str
    headers: dict[str, str]
    target: str
    raw: bytes
    body: Any

    @property
    def fingerprint(self) -> str:
        head = "\n".join((self.kind, self.container, self.partition, self.target, *_positions(self.headers)))
        return hashlib.sha256(head.encode() + self.raw).hexdigest()

    def conditions(self) -> list[int]:
        """Which operations carry a condition; 0 for a request that is one operation."""
        if self.kind != "batch":
            return [0] if "if-match" in self.headers else []
        return [
            index
            for index, operation in enumerate(self.body)
            if "ifMatch" in operation or "condition" in (operation.get("resourceBody") or {})
        ]


def _positions(headers: dict[str, str]) -> list[str]:
    return [headers.get(name, "") for name in ("if-match", "x-ms-continuation")]


@dataclass(frozen=True)
class Fault:
    """`after_commit`: the work is done, only the answer says otherwise. `inside`: at an operation of a batch, which
    then answers 207. Status 0 drops the connection."""

    status: int
    after_commit: bool = False
    inside: bool = False
    retry_after_ms: int | None = None
    substatus: int | None = None

    def __str__(self) -> str:
        where = " inside" if self.inside else " after commit" if self.after_commit else ""
        return f"{self.status}{where}"

    def refusal(self) -> RefusalError:
        return RefusalError(self.status, "A fault that the test asked for.", self.substatus, self.retry_after_ms)

    def suits(self, request: Request) -> bool:
        """Whether the service could answer so: 412 needs a condition, 449 and what follows a commit a write."""
        if self.status == 412:
            return bool(request.conditions())
        if self.inside:
            return request.kind == "batch"
        return request.kind not in READS or not (self.after_commit or self.status == 449)


@dataclass
class Hold:
    """A request that waits at the gateway until it is released."""

    when: Callable[[Request], bool]
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Faults:
    _script: list[tuple[Fault, Callable[[Request], bool]]] = field(default_factory=list[Any])
    _storm: tuple[Fault, ...] = ()
    _weathered: set[str] = field(default_factory=set[str])
    _struck: Counter[str] = field(default_factory=Counter[str])
    _count: int = 0
    _holds: list[Hold] = field(default_factory=list[Hold])

    def script(self, *faults: Fault, when: Callable[[Request], bool] = lambda _: True) -> None:
        """Each fault meets one request that it suits, in this order."""
        self._script.extend((fault, when) for fault in faults)

    def storm(self, *faults: Fault) -> None:
        """Every request fails once, with each of the faults in turn, and succeeds when it is repeated."""
        self._storm = faults

    def hold(self, when: Callable[[Request], bool]) -> Hold:
        """Keep the first request that this fits waiting."""
        self._holds.append(Hold(when))
        return self._holds[-1]

    async def pass_holds(self, request: Request) -> None:
        for hold in [hold for hold in self._holds if hold.when(request) and not hold.reached.is_set()]:
            hold.reached.set()
            await hold.released.wait()

    @property
    def left(self) -> int:
        return len(self._script)

    def next(self, request: Request) -> Fault | None:
        for place, (fault, when) in enumerate(self._script):
            if fault.suits(request) and when(request):
                del self._script[place]
                return fault
        return self._weather(request)

    def _weather(self, request: Request) -> Fault | None:
        suiting = [fault for fault in self._storm if fault.suits(request)]
        if not suiting:
            return None
        mark = request.fingerprint
        if mark in self._weathered:
            self._weathered.remove(mark)
            return None
        if self._struck[mark] >= _MOST_STRIKES:
            return None
        self._weathered.add(mark)
        self._struck[mark] += 1
        self._count += 1
        return suiting[self._count % len(suiting)]
