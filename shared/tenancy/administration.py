"""API keys as their tenant's administrators see them: made, listed, changed, revoked."""

from dataclasses import dataclass, replace
from datetime import timedelta

from shared.errors import ConflictError, NotFoundError, PreconditionFailedError
from shared.ports.clock import Clock
from shared.ports.erasure import Erasures
from shared.ports.keys import Caller, KeyIndex, KeyLimits, KeyPlace, KeyRecord
from shared.ports.records import Records, Stored
from shared.tenancy.audit import AuditLog
from shared.tenancy.listing import page_of
from shared.tenancy.secrets import Pepper, redacted
from shared.wire.keys import KeyBody, KeyChange, KeyObject, KeyQuery, NewKeyObject, Owner
from shared.wire.lists import Deleted, ListPage

_PREFIX = "key_"
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class KeyAdministration:
    """Every method stays in the caller's tenant, but `create` for an operator: another's key is a missing one."""

    records: Records[KeyRecord]
    index: KeyIndex
    audit: AuditLog
    erasures: Erasures
    pepper: Pepper
    clock: Clock

    async def create(self, caller: Caller, body: KeyBody) -> NewKeyObject:
        """Raise PermissionDeniedError for a scope that the caller lacks, or a tenant that is not the caller's;
        ConflictError for a tenant that was erased."""
        caller.require(*body.scopes)
        tenant = body.project_id or caller.tenant
        if tenant != caller.tenant:
            caller.require("operator")
        if await self.erasures.pseudonym(tenant) is not None:
            message = f"Project {tenant!r} has been erased, and its name is not used again."
            raise ConflictError(message, param="project_id", code="project_erased")
        record, secret = self._made(body, tenant)
        await self.audit.note(
            caller, "api_key.created", record, name=record.name, scopes=record.scopes, principals=record.principals
        )
        # The record first: without its place in the index a key opens nothing, and can be deleted.
        await self.records.create(record)
        await self.index.put(record.hmac, KeyPlace(record.tenant, record.id))
        return NewKeyObject(**key_object(record).model_dump(), value=secret)

    async def list(self, caller: Caller, query: KeyQuery) -> ListPage[KeyObject]:
        return await page_of(self.records, caller.tenant, query, key_object)

    async def retrieve(self, caller: Caller, key_id: str) -> KeyObject:
        return key_object((await self._get(caller, key_id)).value)

    async def change(self, caller: Caller, key_id: str, change: KeyChange) -> KeyObject:
        """Raise ConflictError when others change the key all the time."""
        asked = change.model_dump(exclude_unset=True)
        await self.audit.note(caller, "api_key.updated", (await self._get(caller, key_id)).value, **asked)
        for _ in range(_ROUNDS):
            stored = await self._get(caller, key_id)
            try:
                changed = await self.records.replace(_changed(stored.value, change), if_match=stored.etag)
            except PreconditionFailedError:
                continue
            return key_object(changed.value)
        raise ConflictError(f"API key {key_id!r} is changed by too many at once.")

    async def revoke(self, caller: Caller, key_id: str) -> Deleted:
        """The record first, which is what counts; a place in the index that is left behind leads nowhere."""
        record = (await self._get(caller, key_id)).value
        await self.audit.note(caller, "api_key.deleted", record, name=record.name)
        try:
            await self.records.delete(record.tenant, record.id)
        except NotFoundError as error:
            raise _missing(key_id) from error
        await self.index.remove(record.hmac)
        return Deleted(id=key_id, object="organization.admin_api_key.deleted")

    def _made(self, body: KeyBody, tenant: str) -> tuple[KeyRecord, str]:
        key_id = self.clock.new_id(_PREFIX)
        secret = self.pepper.make(key_id.removeprefix(_PREFIX))
        now = self.clock.now()
        lasts_s = body.expires_in_seconds
        record = KeyRecord(
            id=key_id,
            hmac=self.pepper.hash(secret),
            tenant=tenant,
            principals=body.principals,
            name=body.name,
            redacted=redacted(secret),
            scopes=tuple(dict.fromkeys(body.scopes)),
            limits=KeyLimits(body.max_requests_per_1_minute, body.max_tokens_per_1_minute),
            created_at=now,
            expires_at=None if lasts_s is None else now + timedelta(seconds=lasts_s),
        )
        return record, secret

    async def _get(self, caller: Caller, key_id: str) -> Stored[KeyRecord]:
        try:
            return await self.records.get(caller.tenant, key_id)
        except NotFoundError as error:
            raise _missing(key_id) from error


def _missing(key_id: str) -> NotFoundError:
    return NotFoundError(f"No API key {key_id!r}.", param="key_id")


def _changed(record: KeyRecord, change: KeyChange) -> KeyRecord:
    given = change.model_fields_set
    limits = record.limits
    if "max_requests_per_1_minute" in given:
        limits = replace(limits, requests=change.max_requests_per_1_minute)
    if "max_tokens_per_1_minute" in given:
        limits = replace(limits, tokens=change.max_tokens_per_1_minute)
    return replace(record, limits=limits, name=change.name or record.name)


def key_object(record: KeyRecord) -> KeyObject:
    created_at = int(record.created_at.timestamp())
    return KeyObject(
        id=record.id,
        name=record.name,
        redacted_value=record.redacted,
        created_at=created_at,
        expires_at=None if record.expires_at is None else int(record.expires_at.timestamp()),
        owner=Owner(id=record.tenant, name=record.tenant, created_at=created_at),
        scopes=list(record.scopes),
        principals=list(record.principals),
        max_requests_per_1_minute=record.limits.requests,
        max_tokens_per_1_minute=record.limits.tokens,
        project_id=record.tenant,
    )
