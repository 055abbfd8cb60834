"""Policies: who sees and changes them, rivals, and how long an instance goes by what it read."""

import pytest

from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.records import MemoryRecords
from shared.adapters.memory.sizes import MemoryStoredBytes
from shared.errors import NotFoundError, OverloadedError, PermissionDeniedError
from shared.ports.audit import AuditRecord
from shared.ports.keys import Caller
from shared.ports.policies import PolicyRecord, unrestricted
from shared.ports.records import Stored
from shared.tenancy.audit import AuditLog
from shared.tenancy.policies import TTL_S, PolicyAdministration, RememberedPolicies
from shared.wire.keys import AuditQuery
from shared.wire.policies import PolicyChange
from shared.wire.scopes import EVERY_SCOPE

OPERATOR = Caller("platform", "key_op", scopes=EVERY_SCOPE)
CHIEF = Caller("acme", "key_chief", scopes=("admin",))


class UnsteadyRecords(MemoryRecords[PolicyRecord]):
    """Refuses while it is down; a rival comes before each of the next `rivals` writes."""

    down = False
    rivals = 0

    async def get(self, tenant: str, record_id: str) -> Stored[PolicyRecord]:
        if self.down:
            raise OverloadedError("The store is down.")
        return await super().get(tenant, record_id)

    async def replace(self, value: PolicyRecord, *, if_match: str) -> Stored[PolicyRecord]:
        if self.rivals:
            self.rivals -= 1
            await super().replace((await self.get(value.tenant, value.id)).value, if_match=if_match)
        return await super().replace(value, if_match=if_match)


@pytest.fixture
def records() -> UnsteadyRecords:
    return UnsteadyRecords(PolicyRecord)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def audit(clock: ManualClock) -> AuditLog:
    return AuditLog(MemoryRecords(AuditRecord), clock)


@pytest.fixture
def policies(records: UnsteadyRecords, audit: AuditLog) -> PolicyAdministration:
    return PolicyAdministration(records, MemoryStoredBytes(), audit)


async def test_what_an_operator_sets_the_tenants_administrator_sees(policies: PolicyAdministration) -> None:
    await policies.change(OPERATOR, "acme", PolicyChange(monthly_budget_usd=12.5, max_tokens_per_1_minute=1000))
    seen = await policies.retrieve(CHIEF, "acme")
    assert (seen.monthly_budget_usd, seen.max_tokens_per_1_minute, seen.max_requests_per_1_minute) == (12.5, 1000, None)


async def test_a_field_that_is_absent_stays_and_null_takes_it_away(policies: PolicyAdministration) -> None:
    await policies.change(OPERATOR, "acme", PolicyChange(monthly_budget_usd=12.5, max_tokens_per_1_minute=10))
    await policies.change(OPERATOR, "acme", PolicyChange(max_tokens_per_1_minute=None, max_requests_per_1_minute=5))
    seen = await policies.retrieve(OPERATOR, "acme")
    assert (seen.monthly_budget_usd, seen.max_tokens_per_1_minute, seen.max_requests_per_1_minute) == (12.5, None, 5)


async def test_nobody_sets_the_limits_that_bind_them(policies: PolicyAdministration) -> None:
    with pytest.raises(PermissionDeniedError, match="operator"):
        await policies.change(CHIEF, "acme", PolicyChange(monthly_budget_usd=1e6))


@pytest.mark.parametrize("tenant", ["other", "nobody"])
async def test_another_tenant_is_a_missing_one(policies: PolicyAdministration, tenant: str) -> None:
    await policies.change(OPERATOR, "other", PolicyChange(monthly_budget_usd=1))
    with pytest.raises(NotFoundError, match=f"No project '{tenant}'"):
        await policies.retrieve(CHIEF, tenant)
    with pytest.raises(NotFoundError, match=f"No project '{tenant}'"):
        await policies.change(CHIEF, tenant, PolicyChange(monthly_budget_usd=1))


async def test_a_change_among_rivals_is_made_all_the_same(
    policies: PolicyAdministration, records: UnsteadyRecords
) -> None:
    await policies.change(OPERATOR, "acme", PolicyChange(monthly_budget_usd=1))
    records.rivals = 2
    await policies.change(OPERATOR, "acme", PolicyChange(max_requests_per_1_minute=7))
    seen = await policies.retrieve(OPERATOR, "acme")
    assert (seen.monthly_budget_usd, seen.max_requests_per_1_minute) == (1, 7)


async def test_a_change_is_noted_in_the_log_of_the_tenant_it_concerns(
    policies: PolicyAdministration, audit: AuditLog
) -> None:
    await policies.change(OPERATOR, "acme", PolicyChange(monthly_budget_usd=2))
    (entry,) = (await audit.list(CHIEF, AuditQuery())).data
    said = entry.model_dump()
    assert said["project.updated"] == {"id": "acme", "changes_requested": {"budget_microusd": 2_000_000}}
    assert said["project"]["id"] == "platform"


async def test_a_policy_is_remembered_for_half_a_minute_and_kept_while_the_store_is_down(
    records: UnsteadyRecords, clock: ManualClock
) -> None:
    remembered = RememberedPolicies(records, clock)
    assert await remembered.of("acme") == unrestricted("acme")
    await records.create(PolicyRecord("acme", "acme", tokens=5))
    assert (await remembered.of("acme")).tokens is None
    clock.advance(TTL_S)
    assert (await remembered.of("acme")).tokens == 5
    records.down = True
    clock.advance(TTL_S)
    assert (await remembered.of("acme")).tokens == 5


async def test_an_instance_that_never_read_a_policy_does_not_guess_it(
    records: UnsteadyRecords, clock: ManualClock
) -> None:
    records.down = True
    with pytest.raises(OverloadedError):
        await RememberedPolicies(records, clock).of("acme")
