"""Reading along with a response that is kept, from any event on, whether it is being made or has ended."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from shared.answers.responses.draft import Draft
from shared.answers.responses.kept import KeptResponses
from shared.answers.responses.moves import beyond, failed
from shared.errors import CapacityError, PlatformError
from shared.gateway import sse
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.responses import Move, ResponseRecord

_LOOK_S = 0.3
"""How often it is looked what there is to tell."""

_PING_S = 15.0


class Follower:
    """One reader of one response. `after` is the number of the last event that it has, -1 for none."""

    def __init__(
        self, kept: KeptResponses, clock: Clock, caller: Caller, record: ResponseRecord, *, after: int, results: bool
    ) -> None:
        self._kept = kept
        self._clock = clock
        self._caller = caller
        self._record = record
        self._draft = Draft(record, with_results=results)
        self._known: Sequence[Move] = ()
        self._after = after

    async def events(self) -> AsyncGenerator[bytes]:
        """Yields b"" first, to be started. One that is deleted meanwhile ends as one that failed."""
        told = self._clock.monotonic()
        try:
            yield b""
            while True:
                if news := self._news():
                    told = self._clock.monotonic()
                    yield news
                if self._record.ended:
                    return
                if self._clock.monotonic() - told >= _PING_S:
                    told = self._clock.monotonic()
                    yield sse.PING
                await asyncio.sleep(_LOOK_S)
                await self._look()
        except PlatformError as error:
            yield b"".join(event.data for event in self._draft.apply(failed(error, self._clock.now())))

    def _news(self) -> bytes:
        moves = beyond(self._record.moves, self._known)
        self._known = self._record.moves
        events = [event for move in moves for event in self._draft.apply(move)]
        return b"".join(event.data for event in events if event.number > self._after)

    async def _look(self) -> None:
        try:
            self._record = (await self._kept.get(self._caller, self._record.id)).value
        except CapacityError:
            return  # it is looked again soon
