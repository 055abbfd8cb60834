"""One run of a response in the background: its moves written down as they come, under a claim that is renewed."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.answers.responses.moves import note
from shared.errors import CapacityError, NotFoundError, PreconditionFailedError
from shared.ports.clock import Clock
from shared.ports.records import Records, Stored
from shared.ports.responses import Ended, Move, ResponseRecord

log = logging.getLogger(__name__)

_BEAT_S = 0.5
"""How often news are written down, for those who read along, and how soon a run hears that it was cancelled."""

_LEASE_S = 60.0
"""How long a run that went silent holds up another message for the same response."""


class LostError(Exception):
    """The response is not this run's any more: it was cancelled or deleted, or another run has taken over."""


class Run:
    """Every write is If-Match, and raises LostError once the response is not this run's any more."""

    def __init__(self, records: Records[ResponseRecord], clock: Clock, taken: Stored[ResponseRecord]) -> None:
        self._records = records
        self._clock = clock
        self._stored = taken
        self._moves = list(taken.value.moves)
        self._is_new = False

    @classmethod
    async def take(
        cls, records: Records[ResponseRecord], clock: Clock, stored: Stored[ResponseRecord], delivery_id: str
    ) -> "Run":
        claimed = replace(stored.value, claim=delivery_id, claimed_until=_later(clock))
        try:
            return cls(records, clock, await records.replace(claimed, if_match=stored.etag))
        except (PreconditionFailedError, NotFoundError) as error:
            raise LostError(str(error)) from error

    async def follow(
        self, moves: AsyncGenerator[Sequence[Move]], closing: Callable[[ResponseRecord], Awaitable[None]]
    ) -> None:
        """Write down what comes, to its end; `closing` is told the whole before its end is written. Raises what they
        raise."""
        coming = asyncio.ensure_future(anext(moves))
        written = self._clock.monotonic()
        try:
            while True:
                await asyncio.wait({coming}, timeout=_BEAT_S)
                if coming.done():
                    self._note(coming.result())
                    if isinstance(self._moves[-1], Ended):
                        await closing(replace(self._stored.value, moves=tuple(self._moves)))
                        await self._write(claim=None)
                        return
                    coming = asyncio.ensure_future(anext(moves))
                if self._clock.monotonic() - written >= _BEAT_S:
                    await self._beat()
                    written = self._clock.monotonic()
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            await moves.aclose()

    async def end(self, ended: Ended) -> None:
        note(self._moves, ended)
        await self._write(claim=None)

    async def let_go(self) -> None:
        """Let any message go on at once."""
        await self._write(claim=None)

    def _note(self, moves: Sequence[Move]) -> None:
        for move in moves:
            note(self._moves, move)
            self._is_new = True

    async def _beat(self) -> None:
        """Without news, only look: a write costs more. A store that is busy hears it with the next beat."""
        try:
            if self._is_new or self._is_old():
                await self._write(claim=self._stored.value.claim)
            else:
                await self._look()
        except CapacityError as error:
            log.warning("a response was not written down response=%s reason=%s", self._stored.value.id, error)

    async def _look(self) -> None:
        try:
            now = await self._records.get(self._stored.value.tenant, self._stored.value.id)
        except NotFoundError as error:
            raise LostError(str(error)) from error
        if now.etag != self._stored.etag:
            raise LostError(f"Response {now.value.id!r} has changed.")

    def _is_old(self) -> bool:
        until = self._stored.value.claimed_until
        return until is None or until - self._clock.now() < timedelta(seconds=_LEASE_S / 2)

    async def _write(self, *, claim: str | None) -> None:
        until = None if claim is None else _later(self._clock)
        record = replace(self._stored.value, moves=tuple(self._moves), claim=claim, claimed_until=until)
        try:
            self._stored = await self._records.replace(record, if_match=self._stored.etag)
        except (PreconditionFailedError, NotFoundError) as error:
            raise LostError(str(error)) from error
        self._is_new = False


def held_s(record: ResponseRecord, delivery_id: str, clock: Clock) -> float:
    """For how many more seconds a message other than this one holds the response; 0 or less if none does."""
    if record.claim is None or record.claimed_until is None or record.claim == delivery_id:
        return 0.0
    return (record.claimed_until - clock.now()).total_seconds()


def _later(clock: Clock) -> datetime:
    return clock.now() + timedelta(seconds=_LEASE_S)
