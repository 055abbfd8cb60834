"""Tokens of Entra ID: which are believed, whom they stand for, and when the directory's keys are asked for."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import jwt
import pytest
import pytest_asyncio

from shared.adapters.memory.clock import ManualClock
from shared.adapters.signed.directory import Directory
from shared.errors import AuthenticationError, OverloadedError, PermissionDeniedError
from shared.tenancy.callers import Directories
from shared.wire.scopes import ORDINARY, Scope
from tests.entra import ANN, AUDIENCE, TENANT, EntraServer

SCOPES: Mapping[str, tuple[Scope, ...]] = {
    "Flightdeck.Use": ORDINARY,
    "Flightdeck.Chat": ("models",),
    "Flightdeck.Admin": (*ORDINARY, "admin"),
}
OTHER = "66666666-2222-3333-4444-555555555555"


class World:
    def __init__(self, entra: EntraServer, session: aiohttp.ClientSession) -> None:
        self.entra = entra
        self.clock = ManualClock()
        self.directory = Directory(entra.authority, [TENANT], [AUDIENCE], lambda: session, self.clock)
        self.directories = Directories(self.directory, {TENANT: "acme"}, SCOPES)

    async def refusal(self, token: str) -> str:
        with pytest.raises(AuthenticationError) as refused:
            await self.directories.authenticate(token)
        assert token not in str(refused.value)
        return str(refused.value)

    async def caller(self, **changes: Any) -> Any:
        return await self.directories.authenticate(self.entra.token(**changes))


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with EntraServer() as entra, aiohttp.ClientSession() as session:
        world = World(entra, session)
        yield world
        await world.directory.close()


class TestWho:
    async def test_a_token_stands_for_our_tenant_its_holder_his_groups_and_his_roles(self, world: World) -> None:
        caller = await world.caller(groups=["g-1", "g-2"], roles=["Flightdeck.Use", "hr"])
        assert (caller.tenant, caller.key_id) == ("acme", f"entra_{ANN}")
        assert caller.principals == (ANN, "g-1", "g-2", "Flightdeck.Use", "hr")
        assert caller.scopes == ORDINARY

    async def test_a_user_cannot_consent_to_administration(self, world: World) -> None:
        caller = await world.caller(roles=None, scp="Flightdeck.Admin openid")
        assert caller.scopes == ORDINARY
        assert "admin" in (await world.caller(roles=["Flightdeck.Admin"])).scopes

    async def test_a_token_without_any_of_our_words_may_do_nothing(self, world: World) -> None:
        caller = await world.caller(roles=["Somebody.Else"], scp="openid")
        with pytest.raises(PermissionDeniedError, match="Missing scopes: models"):
            caller.require("models")

    @pytest.mark.parametrize("mark", [{"_claim_names": {"groups": "src1"}}, {"hasgroups": True}])
    async def test_who_is_in_too_many_groups_is_refused_and_not_shown_less(
        self, world: World, mark: dict[str, Any]
    ) -> None:
        with pytest.raises(PermissionDeniedError, match="too many") as refused:
            await world.caller(**mark)
        assert refused.value.code == "group_overage"


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"exp": int(time.time()) - 90}, "expired"),
            ({"nbf": int(time.time()) + 3600}, "not yet valid"),
            ({"aud": "another"}, "Audience"),
            ({"aud": None}, "aud"),
            ({"exp": None}, "exp"),
            ({"iss": "https://sts.windows.net/x/"}, "version 2.0"),
            ({"tid": OTHER}, OTHER),
            ({"tid": None}, "not accepted here"),
            ({"oid": None}, "oid"),
            ({"oid": "ann"}, "'ann'"),
            ({"roles": 3}, "roles"),
        ],
    )
    async def test_what_a_token_says_is_wrong(self, world: World, changes: dict[str, Any], said: str) -> None:
        assert said in await world.refusal(world.entra.token(**changes))

    async def test_clocks_may_differ_by_less_than_a_minute(self, world: World) -> None:
        now = int(time.time())
        assert (await world.caller(exp=now - 20, nbf=now + 30)).tenant == "acme"

    async def test_a_token_that_nobody_signed(self, world: World) -> None:
        assert "'none'" in await world.refusal(jwt.encode(world.entra.claims(), None, "none", headers={"kid": "first"}))

    async def test_the_public_key_is_no_secret_to_sign_with(self, world: World) -> None:
        parts = [{"alg": "HS256", "kid": "first"}, world.entra.claims()]
        body = b".".join(_encoded(json.dumps(part).encode()) for part in parts)
        code = hmac.digest(world.entra.public_pem(), body, hashlib.sha256)
        assert "'HS256'" in await world.refusal((body + b"." + _encoded(code)).decode())

    async def test_a_token_that_another_key_signed(self, world: World) -> None:
        await world.caller()
        forger = EntraServer()
        forger.authority = world.entra.authority
        assert "ignature" in await world.refusal(forger.token())

    @pytest.mark.parametrize("token", ["eyJ..", "eyJhbGciOiJSUzI1NiJ9.e30.", "eyJx.y.z"])
    async def test_what_is_no_token(self, world: World, token: str) -> None:
        await world.refusal(token)


class TestKeys:
    async def test_many_at_once_ask_for_the_keys_once_and_later_ones_not_at_all(self, world: World) -> None:
        await asyncio.gather(*(world.caller() for _ in range(20)))
        await world.caller()
        assert world.entra.asked == 1

    async def test_a_new_key_is_found_and_the_old_one_counts_no_more(self, world: World) -> None:
        await world.caller()
        old = world.entra.token()
        world.entra.rotate("second")
        world.clock.advance(60)
        assert (await world.caller()).tenant == "acme"
        assert "does not publish" in await world.refusal(old)
        assert world.entra.asked == 2

    async def test_unknown_keys_are_asked_for_once_a_minute(self, world: World) -> None:
        await world.caller()
        world.clock.advance(60)
        for number in range(5):
            await world.refusal(world.entra.token(headers={"kid": f"made-up-{number}"}))
        assert world.entra.asked == 2
        world.clock.advance(60)
        await world.refusal(world.entra.token(headers={"kid": "made-up"}))
        assert world.entra.asked == 3

    async def test_known_keys_count_on_while_the_directory_is_down(self, world: World) -> None:
        await world.caller()
        world.entra.down = True
        world.clock.advance(25 * 3600)
        for _ in range(3):
            assert (await world.caller()).tenant == "acme"
        with pytest.raises(OverloadedError, match="cannot be had"):
            await world.caller(headers={"kid": "new"})
        assert (await world.caller()).tenant == "acme"

    async def test_a_directory_that_never_answered_is_asked_again_a_minute_later(self, world: World) -> None:
        world.entra.down = True
        for _ in range(3):
            with pytest.raises(OverloadedError):
                await world.caller()
        assert world.entra.asked == 1
        world.entra.down = False
        world.clock.advance(60)
        assert (await world.caller()).tenant == "acme"


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
