"""Making responses, for a client that waits for all of one, or reads along."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from shared.answers.responses.background import BackgroundResponses
from shared.answers.responses.draft import Draft
from shared.answers.responses.following import Follower
from shared.answers.responses.kept import KeptResponses
from shared.answers.responses.moves import failed, note
from shared.answers.responses.rounds import Rounds, Task
from shared.answers.responses.tasks import Tasks
from shared.errors import PlatformError
from shared.gateway import sse
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.responses import Ended, Move, ResponseRecord
from shared.wire.cache import DEFAULT, CacheWish
from shared.wire.lists import Deleted, ListQuery
from shared.wire.replies import Relayed, Streamed
from shared.wire.responses import RESULTS, InputItemPage, ResponseBody, ResponseObject, ResponseQuery

type Moves = AsyncGenerator[Sequence[Move]]


@dataclass(slots=True)
class _Making:
    """A response on its way: its record, the moves so far and what they tell."""

    record: ResponseRecord
    store: bool
    draft: Draft
    moves: list[Move] = field(default_factory=list[Move])

    def tell(self, *moves: Move) -> bytes:
        for move in moves:
            note(self.moves, move)
        return b"".join(event.data for move in moves for event in self.draft.apply(move))


@dataclass(frozen=True, slots=True)
class ResponseAnswers:
    """A refusal that comes within `refused_s` is a status code, which clients know how to repeat. After it the stream
    begins, whatever the model does."""

    rounds: Rounds
    tasks: Tasks
    kept: KeptResponses
    background: BackgroundResponses
    clock: Clock
    refused_s: float = 1.0

    async def create(
        self, caller: Caller, body: ResponseBody, wish: CacheWish = DEFAULT
    ) -> ResponseObject | Relayed | Streamed:
        await self.rounds.check(caller, body)
        record, task = await self.tasks.new(caller, body, wish)
        results = RESULTS in body.include
        if body.background:
            return await self._queued(caller, record, body, results=results)
        making = _Making(record, body.store, Draft(record, with_results=results))
        return await (self._streamed(making, task) if body.stream else self._whole(making, task))

    async def retrieve(self, caller: Caller, response_id: str, query: ResponseQuery) -> ResponseObject | Streamed:
        record = (await self.kept.get(caller, response_id)).value
        results = RESULTS in query.include
        if not query.stream:
            return _shown(record, results=results)
        after = -1 if query.starting_after is None else query.starting_after
        return await self._followed(caller, record, after=after, results=results)

    async def cancel(self, caller: Caller, response_id: str) -> ResponseObject:
        return _shown(await self.background.cancel(caller, response_id))

    async def delete(self, caller: Caller, response_id: str) -> Deleted:
        return await self.kept.delete(caller, response_id)

    async def input_items(self, caller: Caller, response_id: str, query: ListQuery) -> InputItemPage:
        return await self.kept.input_items(caller, response_id, query)

    async def _queued(
        self, caller: Caller, record: ResponseRecord, body: ResponseBody, *, results: bool
    ) -> ResponseObject | Streamed:
        queued = await self.background.enqueue(record)
        if body.stream:
            return await self._followed(caller, queued, after=-1, results=results)
        return _shown(queued, results=results)

    async def _followed(self, caller: Caller, record: ResponseRecord, *, after: int, results: bool) -> Streamed:
        return await _started(Follower(self.kept, self.clock, caller, record, after=after, results=results).events())

    async def _whole(self, making: _Making, task: Task) -> Relayed:
        moves = self.rounds.moves(task, stream=False)
        try:
            async for together in moves:
                making.tell(*together)
        finally:
            await moves.aclose()
        await self._keep(making)
        return Relayed(making.draft.response().model_dump_json().encode(), headers=task.headers)

    async def _streamed(self, making: _Making, task: Task) -> Streamed:
        moves = self.rounds.moves(task, stream=True)
        opening = making.tell(*await anext(moves))
        second = asyncio.ensure_future(anext(moves))
        try:
            await asyncio.wait({second}, timeout=self.refused_s)
            if second.done():
                second.result()
        except asyncio.CancelledError:
            second.cancel()
            raise
        return await _started(self._told(making, opening, second, moves), task.headers)

    async def _told(
        self, making: _Making, opening: bytes, second: asyncio.Future[Sequence[Move]], moves: Moves
    ) -> AsyncGenerator[bytes]:
        """Yields b"" first, to be started. What it awaits in `finally` does not wait."""
        try:
            yield b""
            yield opening
            yield await self._next(making, await second)
            async for together in moves:
                yield await self._next(making, together)
        except PlatformError as error:
            events = making.tell(failed(error, self.clock.now()))
            with suppress(PlatformError):
                if making.store:
                    await self.kept.keep(replace(making.record, moves=tuple(making.moves)))
            yield events
        finally:
            if not second.done():
                second.cancel()
            else:
                await moves.aclose()

    async def _next(self, making: _Making, moves: Sequence[Move]) -> bytes:
        """Their events. The last comes when the response is kept: whoever has it can go on from there."""
        if any(isinstance(move, Ended) for move in moves):
            whole = list(making.moves)
            for move in moves:
                note(whole, move)
            await self._keep(replace(making, moves=whole))
        return making.tell(*moves) if moves else sse.PING

    async def _keep(self, making: _Making) -> None:
        record = replace(making.record, moves=tuple(making.moves))
        await self.tasks.close(record)
        if making.store:
            await self.kept.keep(record)


def _shown(record: ResponseRecord, *, results: bool = False) -> ResponseObject:
    return Draft.of(record, with_results=results).response()


async def _started(events: AsyncGenerator[bytes], headers: dict[str, str] | None = None) -> Streamed:
    await anext(events)
    return Streamed(events, headers=headers or {})
