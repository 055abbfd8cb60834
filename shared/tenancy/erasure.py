"""Erasing a tenant: asked for by an operator, done by a queue's messages, a short turn after the other.

The record that asks for it is also what refuses the tenant from then on: its credentials, and messages about its
documents. Nothing that was under way outlives an invocation, so after the longest of these the steps have it to
themselves; passes are made until one finds nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PoisonMessageError,
    PreconditionFailedError,
)
from shared.ports.clock import Clock
from shared.ports.erasure import ErasureRecord, Leaving, Step, Turn
from shared.ports.keys import Caller
from shared.ports.queues import Queues
from shared.ports.records import SYSTEM, Records
from shared.tenancy.audit import AuditLog, Target
from shared.tenancy.policies import require_sight
from shared.tenancy.secrets import Pepper
from shared.wire.erasure import EraseMessage, ErasureObject, parse_erase
from shared.wire.messages import ParkedMessage

log = logging.getLogger(__name__)

_STATUS = {"running": "in_progress", "failed": "failed", "done": "completed"}
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Erasing:
    """`steps` by their names, in their order: the first is done at once, the others after `wait_s`, which is longer
    than any invocation and than anybody may remember a tenant to be there."""

    records: Records[ErasureRecord]
    steps: Mapping[str, Step]
    queues: Queues
    audit: AuditLog
    pepper: Pepper
    clock: Clock
    wait_s: float
    budget_s: float = 20

    async def ask(self, caller: Caller, tenant: str) -> ErasureObject:
        """Again is fine: it goes on, also where it failed. Raise NotFoundError, PermissionDeniedError."""
        require_sight(caller, tenant)
        caller.require("operator")
        if tenant == caller.tenant:
            message = f"{tenant!r} is the project of your own key: another operator has to erase it."
            raise InvalidRequestError(message, param="project_id")
        if tenant == SYSTEM:
            raise InvalidRequestError(f"{tenant!r} is no project.", param="project_id")
        pseudonym = self.pepper.pseudonym(tenant)
        await self.audit.note(caller, "project.deleted", Target(pseudonym, caller.tenant))
        record = await self._begun(ErasureRecord(pseudonym, tenant, self.clock.now()))
        if record.state != "done":
            await self._put(record, 0)
        return _object(record, tenant)

    async def look(self, caller: Caller, tenant: str) -> ErasureObject:
        """Raise NotFoundError, PermissionDeniedError."""
        require_sight(caller, tenant)
        caller.require("operator")
        try:
            found = await self.records.get(SYSTEM, self.pepper.pseudonym(tenant))
        except NotFoundError as error:
            raise NotFoundError(f"Project {tenant!r} is not being erased.", param="project_id") from error
        return _object(found.value, tenant)

    async def run(self, message: EraseMessage) -> None:
        """As many turns as the budget allows, then another message. Idempotent; of two at once one goes on. Raise
        CapacityError to be called again later; other errors spend an attempt."""
        try:
            stored = await self.records.get(SYSTEM, message.erasure_id)
        except NotFoundError:
            log.info("no erasure id=%s", message.erasure_id)
            return
        began, turns = self.clock.monotonic(), 0
        while stored.value.state == "running":
            record = stored.value
            wait_s = 0.0 if record.not_before is None else (record.not_before - self.clock.now()).total_seconds()
            if wait_s > 0 or (turns and self.clock.monotonic() - began >= self.budget_s):
                await self._put(record, wait_s)
                return
            turns += 1
            turn = await self._step(record).turn(Leaving(record.name, record.id), record.position)
            try:
                stored = await self.records.replace(self._advanced(record, turn), if_match=stored.etag)
            except PreconditionFailedError:
                log.info("another message goes on with it erasure=%s", record.id)
                return

    async def give_up(self, parked: ParkedMessage) -> None:
        """Say on the record that it failed, and why; to be asked again goes on where it stands."""
        try:
            erasure_id = parse_erase(parked.body.encode()).erasure_id
            stored = await self.records.get(SYSTEM, erasure_id)
            if stored.value.state == "running":
                failed = replace(stored.value, state="failed", last_error=parked.reason)
                await self.records.replace(failed, if_match=stored.etag)
        except (PoisonMessageError, NotFoundError, PreconditionFailedError) as error:
            log.warning("poison of no erasure that stands reason=%s", error)
        log.error("erasure_failed body=%s reason=%s", parked.body, parked.reason)

    async def _begun(self, fresh: ErasureRecord) -> ErasureRecord:
        for _ in range(_ROUNDS):
            try:
                return (await self.records.create(fresh)).value
            except ConflictError:
                stored = await self.records.get(SYSTEM, fresh.id)
            if stored.value.state != "failed":
                return stored.value
            try:
                again = replace(stored.value, state="running", last_error="")
                return (await self.records.replace(again, if_match=stored.etag)).value
            except PreconditionFailedError:
                continue
        raise ConflictError(f"The erasure of {fresh.name!r} is asked for by too many at once.")

    async def _put(self, record: ErasureRecord, delay_s: float) -> None:
        body = EraseMessage(erasure_id=record.id).model_dump_json().encode()
        await self.queues.put("erasures", body, delay_s=max(delay_s, 0))

    def _step(self, record: ErasureRecord) -> Step:
        return self.steps[record.step or next(iter(self.steps))]

    def _advanced(self, record: ErasureRecord, turn: Turn) -> ErasureRecord:
        names = list(self.steps)
        name = record.step or names[0]
        counted = {**record.erased, name: record.erased.get(name, 0) + turn.erased}
        record = replace(record, step=name, position=turn.position, found=record.found + turn.erased, erased=counted)
        if turn.position is not None:
            return record
        if name == names[0] and record.not_before is None:
            record = replace(record, not_before=record.requested_at + timedelta(seconds=self.wait_s))
        if name != names[-1]:
            return replace(record, step=names[names.index(name) + 1])
        if record.found:
            return replace(record, step=names[0], found=0, passes=record.passes + 1)
        log.info("erased id=%s what=%s passes=%s", record.id, dict(record.erased), record.passes)
        return replace(record, state="done", step="", name="", finished_at=self.clock.now())


def _object(record: ErasureRecord, tenant: str) -> ErasureObject:
    return ErasureObject.model_validate(
        {
            "project_id": tenant,
            "pseudonym": record.id,
            "status": _STATUS[record.state],
            "requested_at": int(record.requested_at.timestamp()),
            "erases_from": None if record.not_before is None else int(record.not_before.timestamp()),
            "completed_at": None if record.finished_at is None else int(record.finished_at.timestamp()),
            "step": record.step or None,
            "erased": dict(record.erased),
            "last_error": record.last_error or None,
        }
    )
