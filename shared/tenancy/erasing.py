"""What tenancy has of a tenant, taken away: keys, the audit log under another name, and every record in the end."""

from contextlib import suppress
from dataclasses import dataclass, replace

from shared.errors import ConflictError, NotFoundError
from shared.ports.audit import AuditRecord
from shared.ports.erasure import Leaving, TenantData, Turn
from shared.ports.keys import KeyIndex, KeyRecord
from shared.ports.pages import each
from shared.ports.records import SYSTEM, Records, Stored, TenantRecord

_PAGE = 100


@dataclass(frozen=True, slots=True)
class ErasedKeys:
    records: Records[KeyRecord]
    index: KeyIndex

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        return await each(self.records, leaving.tenant, position, self._revoke)

    async def _revoke(self, stored: Stored[KeyRecord]) -> int:
        """The record last: by it the place in the index is found again after a crash."""
        await self.index.remove(stored.value.hmac)
        return await _deleted(self.records, stored)


@dataclass(frozen=True, slots=True)
class ErasedAudit:
    """What was done and when is kept, under the pseudonym; whom it concerned, and what it said of them, is not."""

    records: Records[AuditRecord]

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        async def move(stored: Stored[AuditRecord]) -> int:
            record = stored.value
            actor = None if record.actor_tenant == leaving.tenant else record.actor
            whose = leaving.pseudonym if record.actor_tenant == leaving.tenant else record.actor_tenant
            target = leaving.pseudonym if record.target == leaving.tenant else record.target
            kept = replace(record, tenant=leaving.pseudonym, actor=actor, actor_tenant=whose, target=target, details={})
            with suppress(ConflictError):  # by the turn that a crash cut off
                await self.records.create(kept)
            return await _deleted(self.records, stored)

        return await each(self.records, leaving.tenant, position, move)


@dataclass(frozen=True, slots=True)
class ErasedRecords:
    """All that the tenant's partition still has: files, stores, documents, its policy, and what comes to be added."""

    data: TenantData

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        del position
        erased = await self.data.purge(leaving.tenant, limit=_PAGE)
        return Turn(erased, "more" if erased else None)


@dataclass(frozen=True, slots=True)
class ErasedEntry:
    """The tenant's place in the register of those whom timers visit."""

    register: Records[TenantRecord]

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        del position
        try:
            await self.register.delete(SYSTEM, leaving.tenant)
        except NotFoundError:
            return Turn(0, None)
        return Turn(1, None)


async def _deleted[T: KeyRecord | AuditRecord](records: Records[T], stored: Stored[T]) -> int:
    try:
        await records.delete(stored.value.tenant, stored.value.id)
    except NotFoundError:
        return 0
    return 1
