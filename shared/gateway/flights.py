"""Single-flight: callers who ask the same at the same time share one call to the model."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable, Mapping
from dataclasses import dataclass, field

from shared.errors import OverloadedError

type Pilot = Callable[["Flight"], Coroutine[None, None, None]]
"""Makes the call: `open` when its answer begins, `add` for each piece, `land` at its end. What it raises, all get."""


@dataclass(slots=True)
class Flight:
    """One call on its way. It goes on as long as anybody waits for it, whoever asked first."""

    key_id: str | None
    pieces: list[bytes] = field(default_factory=list[bytes])
    headers: Mapping[str, str] | None = None
    landed: bool = False
    riders: int = 0
    error: BaseException | None = None
    _task: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def open(self, headers: Mapping[str, str]) -> None:
        self.headers = headers
        self._tell()

    def add(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self._tell()

    def land(self) -> None:
        """All is told; what its pilot does now is of no concern to those who ride."""
        self.landed = True
        self._tell()

    def start(self, pilot: Pilot) -> "asyncio.Task[None]":
        self._task = asyncio.create_task(pilot(self))
        self._task.add_done_callback(self._ended)
        return self._task

    async def opened(self) -> Mapping[str, str]:
        """The headers of the answer. Raise what the call failed with before it."""
        while self.headers is None:
            self._unless_failed()
            await self._next()
        return self.headers

    async def read(self) -> AsyncGenerator[bytes]:
        """All pieces from the first, as they come."""
        at = 0
        while True:
            while at < len(self.pieces):
                yield self.pieces[at]
                at += 1
            self._unless_failed()
            if self.landed:
                return
            await self._next()

    def leave(self) -> None:
        """When the last one leaves in the middle, the call is cancelled."""
        self.riders -= 1
        if not self.riders and not self.landed and self._task is not None:
            self._task.cancel()

    @property
    def is_taking(self) -> bool:
        """Whether one more may ride: not when it has failed, or has been left by all."""
        return self.landed or (self.error is None and self.riders > 0)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.error = OverloadedError("The call was given up.") if task.cancelled() else task.exception()
        self._tell()

    def _unless_failed(self) -> None:
        if self.error is not None and not self.landed:
            raise self.error

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _next(self) -> None:
        await self._news.wait()


class Flights:
    """Those under way, by what they are about."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, Flight] = {}
        # The loop keeps only weak references to its tasks.
        self._tasks: set[asyncio.Task[None]] = set()

    def board(self, about: Hashable, key_id: str | None, pilot: Pilot) -> tuple[Flight, bool]:
        """A flight to ride, and whether it was there already. Whoever boards must `leave`."""
        flight = self._flights.get(about)
        joined = flight is not None and flight.is_taking
        if flight is None or not joined:
            flight = self._flights[about] = Flight(key_id)
            task = flight.start(pilot)
            self._tasks.add(task)
            task.add_done_callback(lambda ended: self._ended(about, flight, ended))
        flight.riders += 1
        return flight, joined

    async def drain(self) -> None:
        """Wait until every flight that was begun has ended."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _ended(self, about: Hashable, flight: Flight, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._flights.get(about) is flight:
            del self._flights[about]
