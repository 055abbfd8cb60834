"""The audit log: each act of administration as a record of the tenant it concerns, and as a line of the app's log."""

import logging
from dataclasses import dataclass

from shared.ports.audit import AuditRecord, Detail
from shared.ports.clock import Clock
from shared.ports.keys import Caller, KeyRecord
from shared.ports.policies import PolicyRecord
from shared.ports.records import Records
from shared.tenancy.listing import page_of
from shared.wire.keys import Actor, ActorKey, AuditEvent, AuditObject, AuditQuery, Project
from shared.wire.lists import ListPage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """What was acted on, where it has no record of its own, and in whose log to say so."""

    id: str
    tenant: str


@dataclass(frozen=True, slots=True)
class AuditLog:
    records: Records[AuditRecord]
    clock: Clock

    async def note(
        self, caller: Caller, event: AuditEvent, on: KeyRecord | PolicyRecord | Target, **details: Detail
    ) -> None:
        """Before the act: nothing is done that is not noted, and what was noted may have failed."""
        record = AuditRecord(
            id=self.clock.new_id("audit_log-"),
            tenant=on.tenant,
            type=event,
            at=self.clock.now(),
            actor=caller.key_id,
            actor_tenant=caller.tenant,
            target=on.id,
            details=details,
        )
        await self.records.create(record)
        log.info("audit type=%s tenant=%s target=%s actor=%s", event, on.tenant, on.id, caller.key_id)

    async def list(self, caller: Caller, query: AuditQuery) -> ListPage[AuditObject]:
        return await page_of(self.records, caller.tenant, query, _object)


def _object(record: AuditRecord) -> AuditObject:
    return AuditObject.model_validate(
        {
            "id": record.id,
            "type": record.type,
            "effective_at": int(record.at.timestamp()),
            "actor": Actor(api_key=ActorKey(id=record.actor)),
            "project": Project(id=record.actor_tenant, name=record.actor_tenant),
            record.type: {"id": record.target, _SAID_UNDER[record.type]: dict(record.details)},
        }
    )


_SAID_UNDER: dict[AuditEvent, str] = {
    "api_key.created": "data",
    "api_key.updated": "changes_requested",
    "api_key.deleted": "data",
    "project.updated": "changes_requested",
    "project.deleted": "data",
    "project.exported": "data",
}
