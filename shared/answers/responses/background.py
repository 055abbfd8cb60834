"""Responses whose clients do not wait: queued, made by whoever takes the message, cancelled."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.answers.responses.kept import KeptResponses
from shared.answers.responses.moves import failed, note
from shared.answers.responses.rounds import Rounds
from shared.answers.responses.running import LostError, Run, held_s
from shared.answers.responses.tasks import Tasks
from shared.errors import (
    CapacityError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PlatformError,
    PoisonMessageError,
    PreconditionFailedError,
    QuotaError,
)
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.queues import Queues
from shared.ports.records import Records, Stored
from shared.ports.responses import Ended, Move, Queued, ResponseRecord
from shared.retrieval.poison import keep
from shared.wire.messages import ParkedMessage, ResponseMessage, parse_response

log = logging.getLogger(__name__)

_PATIENCE = timedelta(minutes=30)
"""For so long a response waits for models that are down or at their limits."""

_ROUNDS = 8
_LONGEST_DEFERRAL_S = 30.0


@dataclass(frozen=True, slots=True)
class BackgroundResponses:
    records: Records[ResponseRecord]
    kept: KeptResponses
    tasks: Tasks
    rounds: Rounds
    queues: Queues
    blobs: Blobs
    clock: Clock

    async def enqueue(self, record: ResponseRecord) -> ResponseRecord:
        """The record comes first: a message about nothing would be dropped."""
        queued = replace(record, moves=(Queued(),))
        queued = await self.kept.keep(queued)
        message = ResponseMessage(tenant=record.tenant, response_id=record.id)
        try:
            await self.queues.put("responses", message.model_dump_json().encode())
        except CapacityError:
            await self.records.delete(record.tenant, record.id)
            raise
        return queued

    async def handle(self, message: ResponseMessage, delivery_id: str) -> None:
        """Make it, from its beginning: of an attempt that broke off nobody knows how it would have gone on.

        Idempotent. Raise CapacityError to be called again later; other errors spend an attempt.
        """
        try:
            stored = await self.records.get(message.tenant, message.response_id)
        except NotFoundError:
            return
        if stored.value.ended:
            return
        self._check_claim(stored.value, delivery_id)
        try:
            await self._make(await Run.take(self.records, self.clock, stored, delivery_id), stored.value)
        except LostError as error:
            log.info("a response is not made any more response=%s reason=%s", message.response_id, error)

    async def _make(self, run: Run, record: ResponseRecord) -> None:
        try:
            task = await self.tasks.again(record)
            await run.follow(self.rounds.moves(task, stream=True), self.tasks.close)
        except PlatformError as error:
            if _is_worth_waiting(error) and self.clock.now() - record.created_at < _PATIENCE:
                await run.let_go()
                raise
            await run.end(failed(error, self.clock.now()))

    def _check_claim(self, record: ResponseRecord, delivery_id: str) -> None:
        held = held_s(record, delivery_id, self.clock)
        if held > 0:
            message = f"Response {record.id!r} is being made for another message."
            raise OverloadedError(message, retry_after_s=max(1.0, min(held, _LONGEST_DEFERRAL_S)))

    async def cancel(self, caller: Caller, response_id: str) -> ResponseRecord:
        """Whoever makes it stops within a second. One that has ended stays as it is."""
        stored = await self.kept.get(caller, response_id)
        if not stored.value.asked.get("background"):
            raise InvalidRequestError("Cannot cancel a synchronous response.", param="response_id")
        return await self._ended(stored, Ended("cancelled", self.clock.now()))

    async def give_up(self, parked: ParkedMessage, message_id: str) -> None:
        """Mark the response that a poisoned message was about as failed. What is about none is kept among the blobs."""
        try:
            message = parse_response(parked.body.encode())
            stored = await self.records.get(message.tenant, message.response_id)
        except (PoisonMessageError, NotFoundError):
            await keep(self.blobs, "responses", parked, message_id)
            return
        await self._ended(stored, Ended("failed", self.clock.now(), code="server_error", message=parked.reason))

    async def _ended(self, stored: Stored[ResponseRecord], ended: Ended) -> ResponseRecord:
        for _ in range(_ROUNDS):
            if stored.value.ended:
                return stored.value
            moves: list[Move] = list(stored.value.moves)
            note(moves, ended)
            record = replace(stored.value, moves=tuple(moves), claim=None, claimed_until=None)
            try:
                return (await self.records.replace(record, if_match=stored.etag)).value
            except PreconditionFailedError:
                stored = await self.records.get(record.tenant, record.id)
        raise OverloadedError(f"Response {stored.value.id!r} keeps changing.", retry_after_s=1)


def _is_worth_waiting(error: PlatformError) -> bool:
    """What may go away by itself. A budget that is used up does not."""
    return isinstance(error, CapacityError) and not isinstance(error, QuotaError)
