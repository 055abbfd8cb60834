"""Policies of tenants: remembered for those who hold to them, changed by the operator."""

import logging
from dataclasses import dataclass, replace

from shared.errors import CapacityError, ConflictError, NotFoundError, PreconditionFailedError
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.policies import PolicyRecord, unrestricted
from shared.ports.records import Records
from shared.ports.sizes import StoredBytes
from shared.tenancy.audit import AuditLog
from shared.tenancy.remembered import Remembered
from shared.wire.policies import PolicyChange, PolicyObject

log = logging.getLogger(__name__)

TTL_S = 30.0
_ROUNDS = 5
_MICRO = 1_000_000


class RememberedPolicies:
    """Implements `Policies`. While the store is down, what it said last goes on to hold."""

    def __init__(self, records: Records[PolicyRecord], clock: Clock, *, ttl_s: float = TTL_S) -> None:
        self._records = records
        self._last: dict[str, PolicyRecord] = {}
        self._known = Remembered(self._look, clock, ttl_s=ttl_s)

    async def of(self, tenant: str) -> PolicyRecord:
        return await self._known.get(tenant)

    async def _look(self, tenant: str) -> PolicyRecord:
        try:
            found = (await self._records.get(tenant, tenant)).value
        except NotFoundError:
            found = unrestricted(tenant)
        except CapacityError as error:
            if tenant not in self._last:
                raise
            log.warning("policy of %s as it was: %s", tenant, error)
            return self._last[tenant]
        self._last[tenant] = found
        return found


@dataclass(frozen=True, slots=True)
class PolicyAdministration:
    """A tenant's administrators see its policy; only an operator sees others' and changes them: nobody sets the limits
    that bind them. Another tenant is a missing one to whoever is no operator."""

    records: Records[PolicyRecord]
    stored: StoredBytes
    audit: AuditLog

    async def retrieve(self, caller: Caller, tenant: str) -> PolicyObject:
        require_sight(caller, tenant)
        try:
            policy = (await self.records.get(tenant, tenant)).value
        except NotFoundError:
            policy = unrestricted(tenant)
        return await self._object(policy)

    async def change(self, caller: Caller, tenant: str, change: PolicyChange) -> PolicyObject:
        """Raise ConflictError when others change it all the time."""
        require_sight(caller, tenant)
        caller.require("operator")
        asked = _fields(change)
        await self.audit.note(caller, "project.updated", unrestricted(tenant), **asked)
        for _ in range(_ROUNDS):
            try:
                return await self._object(await self._write(tenant, asked))
            except (ConflictError, PreconditionFailedError):
                continue
        raise ConflictError(f"The policy of {tenant!r} is changed by too many at once.")

    async def _write(self, tenant: str, asked: dict[str, int | None]) -> PolicyRecord:
        try:
            stored = await self.records.get(tenant, tenant)
        except NotFoundError:
            return (await self.records.create(_changed(unrestricted(tenant), asked))).value
        return (await self.records.replace(_changed(stored.value, asked), if_match=stored.etag)).value

    async def _object(self, policy: PolicyRecord) -> PolicyObject:
        budget = policy.budget_microusd
        return PolicyObject(
            project_id=policy.tenant,
            max_requests_per_1_minute=policy.requests,
            max_tokens_per_1_minute=policy.tokens,
            monthly_budget_usd=None if budget is None else budget / _MICRO,
            max_storage_bytes=policy.storage_bytes,
            used_storage_bytes=await self.stored.used(policy.tenant),
            semantic_cache=policy.semantic_cache,
        )


def require_sight(caller: Caller, tenant: str) -> None:
    """Raise NotFoundError for another tenant than the caller's, unless he is an operator."""
    if tenant != caller.tenant and "operator" not in caller.scopes:
        raise NotFoundError(f"No project {tenant!r}.", param="project_id")


def _fields(change: PolicyChange) -> dict[str, int | None]:
    """What was given, under the names of the record."""
    usd = change.monthly_budget_usd
    values = {
        "max_requests_per_1_minute": ("requests", change.max_requests_per_1_minute),
        "max_tokens_per_1_minute": ("tokens", change.max_tokens_per_1_minute),
        "monthly_budget_usd": ("budget_microusd", None if usd is None else round(usd * _MICRO)),
        "max_storage_bytes": ("storage_bytes", change.max_storage_bytes),
        "semantic_cache": ("semantic_cache", bool(change.semantic_cache)),
    }
    return dict(pair for given, pair in values.items() if given in change.model_fields_set)


def _changed(policy: PolicyRecord, asked: dict[str, int | None]) -> PolicyRecord:
    return replace(policy, **asked)
