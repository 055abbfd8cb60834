"""Administering keys when several do at once, or the store fails in the middle."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.keys import MemoryKeyIndex
from shared.adapters.memory.records import MemoryRecords
from shared.errors import AuthenticationError, ConflictError, NotFoundError, OverloadedError
from shared.ports.audit import AuditRecord
from shared.ports.erasure import ErasureRecord
from shared.ports.keys import Caller, KeyPlace, KeyRecord
from shared.ports.records import Stored
from shared.tenancy.administration import KeyAdministration
from shared.tenancy.audit import AuditLog
from shared.tenancy.erased import RememberedErasures
from shared.tenancy.keys import KeyRing
from shared.tenancy.secrets import Pepper
from shared.tenancy.stored import RememberedKeys, StoredKeys
from shared.wire.keys import AuditQuery, KeyBody, KeyChange, KeyQuery
from shared.wire.scopes import EVERY_SCOPE

CHIEF = Caller("acme", "key_chief", scopes=EVERY_SCOPE)
PEPPER = Pepper(b"pepper")


class UnsteadyIndex(MemoryKeyIndex):
    """Refuses while it is told to."""

    down = False

    async def put(self, hmac: str, place: KeyPlace) -> None:
        self._refuse()
        await super().put(hmac, place)

    async def remove(self, hmac: str) -> None:
        self._refuse()
        await super().remove(hmac)

    def _refuse(self) -> None:
        if self.down:
            raise OverloadedError("The store is down.")


class SlowRecords(MemoryRecords[KeyRecord]):
    """Lets others in between a read and what follows; `rivals` of them change the record each time."""

    rivals = 0

    async def get(self, tenant: str, record_id: str) -> Stored[KeyRecord]:
        found = await super().get(tenant, record_id)
        await asyncio.sleep(0)
        if self.rivals:
            self.rivals -= 1
            await self.replace(found.value, if_match=found.etag)
        return found


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.records = SlowRecords(KeyRecord)
        self.index = UnsteadyIndex()
        self.audit = AuditLog(MemoryRecords(AuditRecord), self.clock)
        self.erasures = RememberedErasures(MemoryRecords(ErasureRecord), PEPPER, self.clock, ttl_s=30)
        self.keys = KeyAdministration(self.records, self.index, self.audit, self.erasures, PEPPER, self.clock)

    async def opens(self, key: str) -> bool:
        """Asked of an instance that remembers nothing."""
        stored = RememberedKeys(StoredKeys(self.index, self.records), self.clock, ttl_s=30)
        try:
            await KeyRing(MemoryKeys(), stored, PEPPER, self.clock).authenticate(key)
        except AuthenticationError:
            return False
        return True

    async def noted(self) -> Sequence[str]:
        return [one.type for one in (await self.audit.list(CHIEF, AuditQuery(order="asc"))).data]


class MemoryKeys:
    """No keys that the deployment brings along."""

    async def find(self, hmac: str) -> KeyRecord:
        raise NotFoundError("No such key.")


@pytest.fixture
def world() -> World:
    return World()


async def test_a_key_opens_its_tenant_until_it_is_revoked(world: World) -> None:
    made = await world.keys.create(CHIEF, KeyBody(name="a"))
    assert await world.opens(made.value)
    await world.keys.revoke(CHIEF, made.id)
    assert not await world.opens(made.value)
    assert await world.noted() == ["api_key.created", "api_key.deleted"]


async def test_a_key_whose_making_failed_half_way_opens_nothing_and_can_be_deleted(world: World) -> None:
    world.index.down = True
    with pytest.raises(OverloadedError):
        await world.keys.create(CHIEF, KeyBody(name="half"))
    world.index.down = False
    (half,) = (await world.keys.list(CHIEF, KeyQuery())).data
    await world.keys.revoke(CHIEF, half.id)
    assert (await world.keys.list(CHIEF, KeyQuery())).data == []


async def test_a_key_whose_revoking_failed_half_way_is_revoked(world: World) -> None:
    made = await world.keys.create(CHIEF, KeyBody(name="a"))
    world.index.down = True
    with pytest.raises(OverloadedError):
        await world.keys.revoke(CHIEF, made.id)
    assert not await world.opens(made.value)


async def test_two_changes_at_once_are_both_kept(world: World) -> None:
    made = await world.keys.create(CHIEF, KeyBody(name="a"))
    changes = KeyChange(name="b"), KeyChange(max_requests_per_1_minute=5), KeyChange(max_tokens_per_1_minute=7)
    await asyncio.gather(*(world.keys.change(CHIEF, made.id, change) for change in changes))
    found = await world.keys.retrieve(CHIEF, made.id)
    assert (found.name, found.max_requests_per_1_minute, found.max_tokens_per_1_minute) == ("b", 5, 7)


async def test_a_change_that_never_gets_its_turn_is_a_conflict(world: World) -> None:
    made = await world.keys.create(CHIEF, KeyBody(name="a"))
    world.records.rivals = 100
    with pytest.raises(ConflictError, match="too many at once"):
        await world.keys.change(CHIEF, made.id, KeyChange(name="b"))


async def test_of_two_that_revoke_a_key_at_once_one_is_told_that_it_is_gone(world: World) -> None:
    made = await world.keys.create(CHIEF, KeyBody(name="a"))
    results = await asyncio.gather(*(world.keys.revoke(CHIEF, made.id) for _ in range(2)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Deleted", "NotFoundError"]


async def test_scopes_that_are_named_twice_are_kept_once(world: World) -> None:
    made = await world.keys.create(CHIEF, KeyBody(name="a", scopes=("usage", "models", "usage")))
    assert made.scopes == ["usage", "models"]


async def test_neither_the_log_nor_any_record_holds_a_key(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = await world.keys.create(CHIEF, KeyBody(name="a"))
    await world.opens(made.value)
    await world.keys.change(CHIEF, made.id, KeyChange(name="b"))
    stored = await world.records.get("acme", made.id)
    listed = (await world.audit.list(CHIEF, AuditQuery())).model_dump_json()
    assert f"audit type=api_key.created tenant=acme target={made.id} actor=key_chief" in caplog.text
    for text in (caplog.text, repr(stored), listed):
        assert made.value not in text
        assert made.value.split("_", 2)[2] not in text
