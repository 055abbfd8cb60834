"""From a key to the caller it stands for: who is asked, what is remembered, and for how long."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from local.setup.credentials import credentials, write_key_list
from shared.adapters.key_file import KeyFile
from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.keys import MemoryKeyIndex
from shared.adapters.memory.records import MemoryRecords
from shared.errors import AuthenticationError, NotFoundError, OverloadedError, PermissionDeniedError
from shared.ports.keys import Caller, KeyLimits, KeyPlace, KeyRecord
from shared.tenancy.keys import KeyRing
from shared.tenancy.secrets import Pepper, redacted
from shared.tenancy.stored import RememberedKeys, StoredKeys

PEPPER = Pepper(b"pepper")
SECRET = "fd_a_secret_of_some_length"
TTL_S = 30


class CountedIndex(MemoryKeyIndex):
    """Counts who asks, and can be out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.broken = False

    async def find(self, hmac: str) -> KeyPlace:
        self.asked += 1
        await asyncio.sleep(0)
        if self.broken:
            raise OverloadedError("The store is down.")
        return await super().find(hmac)


class World:
    """A ring over a store in memory."""

    def __init__(self, given: KeyFile | None = None) -> None:
        self.clock = ManualClock()
        self.index = CountedIndex()
        self.records = MemoryRecords(KeyRecord)
        self.key = PEPPER.make("abc")
        self.record = KeyRecord("key_abc", PEPPER.hash(self.key), "acme", ("staff",))
        self.stored = RememberedKeys(StoredKeys(self.index, self.records), self.clock, ttl_s=TTL_S)
        self.ring = KeyRing(given or KeyFile(None), self.stored, PEPPER, self.clock)

    async def store(self) -> None:
        await self.records.create(self.record)
        await self.index.put(self.record.hmac, KeyPlace("acme", "key_abc"))

    async def revoke(self) -> None:
        await self.records.delete("acme", "key_abc")


@pytest.fixture
def given(tmp_path: Path) -> KeyFile:
    path = tmp_path / "keys.json"
    entry = {"id": "k1", "hmac": PEPPER.hash(SECRET), "tenant": "acme", "principals": ["staff"]}
    path.write_text(json.dumps([entry]))
    return KeyFile(path)


class TestGiven:
    async def test_a_key_of_the_file_stands_for_its_tenant_and_may_do_all_that_is_ordinary(
        self, given: KeyFile
    ) -> None:
        caller = await World(given).ring.authenticate(SECRET)
        assert caller == Caller("acme", "k1", ("staff",))
        caller.require("models", "documents", "usage")
        with pytest.raises(PermissionDeniedError, match="Missing scopes: admin, operator"):
            caller.require("models", "admin", "operator")

    async def test_a_key_of_the_file_asks_the_store_nothing(self, given: KeyFile) -> None:
        world = World(given)
        await world.ring.authenticate(SECRET)
        assert world.index.asked == 0

    async def test_a_key_that_the_deployment_names_needs_no_file(self) -> None:
        world = World(KeyFile(None, KeyRecord("bootstrap", PEPPER.hash(SECRET), "ops", scopes=("admin",))))
        assert (await world.ring.authenticate(SECRET)).scopes == ("admin",)

    async def test_the_key_of_local_mode_administers_the_tenant_local(self, tmp_path: Path) -> None:
        owned = credentials(tmp_path)
        file, pepper = KeyFile(write_key_list(tmp_path, owned)), Pepper(owned.pepper.encode())
        caller = await KeyRing(file, World().stored, pepper, ManualClock()).authenticate(owned.api_key)
        assert caller.tenant == "local"
        caller.require("models", "documents", "usage", "admin", "operator")

    @pytest.mark.parametrize("secret", [None, "", "short", SECRET + "x"])
    async def test_any_other_key_is_refused_and_not_repeated(self, given: KeyFile, secret: str | None) -> None:
        with pytest.raises(AuthenticationError) as refused:
            await World(given).ring.authenticate(secret)
        assert not secret or secret not in str(refused.value)


class TestStored:
    async def test_a_key_of_the_store_brings_its_scopes_and_limits(self) -> None:
        world = World()
        world.record = replace(world.record, scopes=("models",), limits=KeyLimits(requests=5))
        await world.store()
        caller = await world.ring.authenticate(world.key)
        assert caller == Caller("acme", "key_abc", ("staff",), ("models",), KeyLimits(requests=5))

    async def test_a_known_key_asks_the_store_once_in_its_time(self) -> None:
        world = World()
        await world.store()
        for _ in range(100):
            await world.ring.authenticate(world.key)
        assert world.index.asked == 1
        world.clock.advance(TTL_S)
        await world.ring.authenticate(world.key)
        assert world.index.asked == 2

    async def test_many_that_come_at_once_share_one_look_up_even_when_the_first_leaves(self) -> None:
        world = World()
        await world.store()
        calls = [asyncio.create_task(world.ring.authenticate(world.key)) for _ in range(50)]
        await asyncio.sleep(0)
        calls[0].cancel()
        callers = await asyncio.gather(*calls[1:])
        assert {caller.key_id for caller in callers} == {"key_abc"}
        assert world.index.asked == 1

    async def test_a_revoked_key_goes_on_until_it_is_forgotten_and_no_longer(self) -> None:
        world = World()
        await world.store()
        await world.ring.authenticate(world.key)
        await world.revoke()
        world.clock.advance(TTL_S - 0.1)
        await world.ring.authenticate(world.key)
        world.clock.advance(0.1)
        with pytest.raises(AuthenticationError):
            await world.ring.authenticate(world.key)

    async def test_a_revoked_key_that_comes_again_and_again_asks_once_in_its_time(self) -> None:
        world = World()
        for _ in range(20):
            with pytest.raises(AuthenticationError):
                await world.ring.authenticate(world.key)
        assert world.index.asked == 1

    async def test_keys_that_somebody_made_up_never_reach_the_store(self) -> None:
        world = World()
        made_up = [
            world.key[:-1] + "AB"[world.key.endswith("A")],
            "fd_abc_" + "A" * 49,
            world.key + "x",
            "fd_",
            "é" * 60,
        ]
        for key in [*made_up, Pepper(b"another").make("abc")]:
            assert not PEPPER.made(key)
            with pytest.raises(AuthenticationError):
                await world.ring.authenticate(key)
        assert world.index.asked == 0

    async def test_an_expired_key_is_refused_at_its_very_moment_though_it_is_remembered(self) -> None:
        world = World()
        world.record = replace(world.record, expires_at=world.clock.now() + timedelta(seconds=10))
        await world.store()
        await world.ring.authenticate(world.key)
        world.clock.advance(10)
        with pytest.raises(AuthenticationError, match="expired at 2026-01-01 00:00:10 UTC"):
            await world.ring.authenticate(world.key)

    async def test_a_store_that_is_down_is_no_verdict_and_is_asked_again(self) -> None:
        world = World()
        await world.store()
        world.index.broken = True
        with pytest.raises(OverloadedError):
            await world.ring.authenticate(world.key)
        world.index.broken = False
        assert (await world.ring.authenticate(world.key)).tenant == "acme"

    async def test_no_more_keys_are_remembered_than_there_is_room_for(self) -> None:
        world = World()
        remembered = RememberedKeys(StoredKeys(world.index, world.records), world.clock, ttl_s=TTL_S)
        for number in range(10_001):
            with pytest.raises(NotFoundError):
                await remembered.find(str(number))
        with pytest.raises(NotFoundError):
            await remembered.find("10000")
        assert world.index.asked == 10_001
        with pytest.raises(NotFoundError):
            await remembered.find("0")
        assert world.index.asked == 10_002


class TestSecrets:
    def test_a_key_has_256_random_bits_and_says_its_number(self) -> None:
        keys = {PEPPER.make("01abc") for _ in range(100)}
        assert len(keys) == 100
        assert all(PEPPER.made(key) and key.startswith("fd_01abc_") and len(key) == 9 + 43 + 6 for key in keys)

    def test_little_of_a_key_is_shown_and_nothing_of_a_short_one(self) -> None:
        key = PEPPER.make("01abc")
        assert redacted(key) == f"fd_***{key[-4:]}"
        assert redacted("password") == "***"
