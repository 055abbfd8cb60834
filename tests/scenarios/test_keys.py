"""API keys over HTTP: made, used, limited, listed, revoked, by OpenAI's own client where it has the call."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from local.azurite import Azurite, AzuriteConfig
from tests.scenarios.deck import ROOT, Deck, eventually, running
from tests.upstream import ScriptedUpstream

FIRST = "fd_bootstrap_a-key-as-the-vault-would-hold-it-0123456789"
KEYS = "/v1/organization/admin_api_keys"
REMEMBERED_S = 0.5
SETTINGS = {
    "FLIGHTDECK_BOOTSTRAP_KEY": FIRST,
    "FLIGHTDECK_BOOTSTRAP_TENANT": "ops",
    "FLIGHTDECK_KEY_CACHE_S": str(REMEMBERED_S),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> AsyncIterator[Deck]:
    storage = Azurite(AzuriteConfig(data_dir=tmp_path_factory.mktemp("azurite")))
    await storage.start()
    try:
        async with running(tmp_path_factory.mktemp("product"), storage, upstream, SETTINGS) as deck:
            yield deck
    finally:
        await storage.stop()


def admin(deck: Deck, key: str = FIRST) -> AsyncOpenAI:
    return deck.client().with_options(api_key=key, admin_api_key=key)


def http(deck: Deck, key: str = FIRST) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=deck.url, headers={"authorization": f"Bearer {key}"}, timeout=60)


async def made(deck: Deck, by: str = FIRST, **body: Any) -> Any:
    """A new key as the client sees it, what is ours included."""
    name = body.pop("name", "a key")
    return await admin(deck, by).admin.organization.admin_api_keys.create(name=name, extra_body=body)


async def status(deck: Deck, key: str, path: str = "/v1/models") -> int:
    async with http(deck, key) as client:
        return (await client.get(path)).status_code


class TestLife:
    async def test_a_key_works_once_it_is_made_and_is_refused_soon_after_it_was_revoked(self, deck: Deck) -> None:
        key = await made(deck, name="Ann's laptop")
        assert key.object == "organization.admin_api_key"
        assert key.value.startswith(f"fd_{key.id.removeprefix('key_')}_")
        user = deck.client().with_options(api_key=key.value)
        answer = await user.chat.completions.create(model="chat", messages=[{"role": "user", "content": "hi"}])
        assert answer.choices
        gone = await admin(deck).admin.organization.admin_api_keys.delete(key.id)
        assert (gone.id, gone.deleted, gone.object) == (key.id, True, "organization.admin_api_key.deleted")

        async def refused() -> str:
            try:
                await user.models.list()
            except openai.AuthenticationError as error:
                return str(error.code)
            return "works"

        assert await eventually(refused, lambda seen: seen != "works", timeout_s=10) == "invalid_api_key"

    async def test_two_keys_live_side_by_side_while_one_takes_the_others_place(self, deck: Deck) -> None:
        first, second = await made(deck), await made(deck)
        assert [await status(deck, one.value) for one in (first, second)] == [200, 200]
        await admin(deck).admin.organization.admin_api_keys.delete(first.id)
        await eventually(lambda: status(deck, first.value), lambda seen: seen == 401, timeout_s=10)
        assert await status(deck, second.value) == 200

    async def test_a_key_is_refused_once_its_time_is_over(self, deck: Deck) -> None:
        key = await made(deck, expires_in_seconds=1)
        assert key.expires_at >= key.created_at + 1

        async def answer() -> httpx2.Response:
            async with http(deck, key.value) as client:
                return await client.get("/v1/models")

        refused = await eventually(answer, lambda seen: seen.status_code == 401, timeout_s=10)
        error = refused.json()["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")
        assert "expired at" in error["message"]
        assert key.value not in refused.text

    async def test_a_key_is_shown_once_and_never_again(self, deck: Deck) -> None:
        key = await made(deck)
        async with http(deck) as client:
            for path in (f"{KEYS}/{key.id}", f"{KEYS}?limit=100", "/v1/organization/audit_logs?limit=100"):
                assert key.value not in (await client.get(path)).text
        shown = await admin(deck).admin.organization.admin_api_keys.retrieve(key.id)
        assert shown.redacted_value.endswith(key.value[-4:])
        assert len(shown.redacted_value) < 12

    async def test_keys_are_listed_oldest_first_page_by_page(self, deck: Deck) -> None:
        tenant = await made(deck, project_id="paged", scopes=["admin"])
        ids = [tenant.id] + [(await made(deck, by=tenant.value, scopes=["admin"])).id for _ in range(4)]
        pages = admin(deck, tenant.value).admin.organization.admin_api_keys.list(limit=2)
        assert [key.id async for key in pages] == ids
        newest = await admin(deck, tenant.value).admin.organization.admin_api_keys.list(limit=1, order="desc")
        assert ([key.id for key in newest.data], newest.has_more) == (ids[-1:], True)


class TestRights:
    async def test_without_the_scope_admin_every_call_of_the_administration_is_403(self, deck: Deck) -> None:
        key = await made(deck)
        async with http(deck, key.value) as client:
            answers = [
                await client.post(KEYS, json={"name": "mine"}),
                await client.get(KEYS),
                await client.get(f"{KEYS}/{key.id}"),
                await client.post(f"{KEYS}/{key.id}", json={"name": "mine"}),
                await client.delete(f"{KEYS}/{key.id}"),
                await client.get("/v1/organization/audit_logs"),
            ]
        for answer in answers:
            error = answer.json()["error"]
            assert (answer.status_code, error["type"], error["code"]) == (403, "invalid_request_error", "missing_scope")
            assert "Missing scopes: admin" in error["message"]
        with pytest.raises(openai.PermissionDeniedError):
            await admin(deck, key.value).admin.organization.admin_api_keys.create(name="mine")

    @pytest.mark.parametrize(
        ("scope", "allowed"),
        [("models", "/v1/models"), ("documents", "/v1/files"), ("usage", "/v1/organization/usage/completions")],
    )
    async def test_a_key_may_do_what_its_scopes_say_and_nothing_else(
        self, deck: Deck, scope: str, allowed: str
    ) -> None:
        key = await made(deck, scopes=[scope])
        paths = ["/v1/models", "/v1/files", "/v1/vector_stores", "/v1/organization/usage/completions", KEYS]
        seen = {path: await status(deck, key.value, f"{path}?start_time=1") for path in paths}
        assert seen.pop(allowed) == 200
        assert {status for path, status in seen.items() if not (scope == "documents" and "stores" in path)} == {403}

    async def test_nobody_gives_a_right_that_he_has_not(self, deck: Deck) -> None:
        limited = await made(deck, scopes=["admin", "models"])
        with pytest.raises(openai.PermissionDeniedError, match="Missing scopes: documents, operator"):
            await made(deck, by=limited.value, scopes=["models", "documents", "operator"])
        assert await made(deck, by=limited.value, scopes=["models"])

    async def test_only_an_operator_makes_keys_for_another_tenant(self, deck: Deck) -> None:
        theirs = await made(deck, project_id="newcomer", scopes=["admin", "models"])
        assert theirs.project_id == "newcomer"
        with pytest.raises(openai.PermissionDeniedError, match="Missing scopes: operator"):
            await made(deck, by=theirs.value, scopes=["models"], project_id="ops")

    async def test_another_tenants_key_is_as_good_as_none(self, deck: Deck) -> None:
        mine = await made(deck)
        stranger = await made(deck, project_id="stranger", scopes=["admin"])
        async with http(deck, stranger.value) as client:

            async def answers(key_id: str) -> list[tuple[int, str]]:
                path = f"{KEYS}/{key_id}"
                replies = [
                    await client.get(path),
                    await client.post(path, json={"name": "stolen"}),
                    await client.delete(path),
                ]
                return [(one.status_code, one.text.replace(key_id, "ID")) for one in replies]

            foreign, missing = await answers(mine.id), await answers("key_" + "0" * 26)
            assert foreign == missing
            assert {code for code, _ in foreign} == {404}
            listed = (await client.get(f"{KEYS}?limit=100")).json()["data"]
            assert [one["id"] for one in listed] == [stranger.id]
            noted = (await client.get("/v1/organization/audit_logs")).json()["data"]
            assert {one["api_key.created"]["id"] for one in noted} == {stranger.id}
        assert (await admin(deck).admin.organization.admin_api_keys.retrieve(mine.id)).name == "a key"
        assert await status(deck, mine.value) == 200

    async def test_what_a_key_sees_is_its_tenants(self, deck: Deck) -> None:
        one, other = [await made(deck, project_id=tenant) for tenant in ("north", "south")]
        file = (
            await deck.client()
            .with_options(api_key=one.value)
            .files.create(file=("a.txt", b"words"), purpose="assistants")
        )
        assert await status(deck, one.value, f"/v1/files/{file.id}") == 200
        assert await status(deck, other.value, f"/v1/files/{file.id}") == 404


class TestLimits:
    async def test_a_keys_own_limit_holds_and_can_be_changed_and_taken_away(self, deck: Deck) -> None:
        key = await made(deck, max_requests_per_1_minute=20)
        user = deck.client().with_options(api_key=key.value)
        assert (await _raw(user)).headers["x-ratelimit-limit-requests"] == "20"
        with pytest.raises(openai.RateLimitError):
            await _many(user, 20)
        async with http(deck) as client:
            changed = await client.post(f"{KEYS}/{key.id}", json={"max_requests_per_1_minute": 600, "name": "busy"})
            assert (changed.json()["max_requests_per_1_minute"], changed.json()["name"]) == (600, "busy")

            async def limit() -> str | None:
                try:
                    return (await _raw(user)).headers.get("x-ratelimit-limit-requests")
                except openai.RateLimitError:
                    return "refused"

            await eventually(limit, lambda seen: seen == "600", timeout_s=10)
            await client.post(f"{KEYS}/{key.id}", json={"max_requests_per_1_minute": None})
            await eventually(limit, lambda seen: seen is None, timeout_s=10)
            assert (await client.get(f"{KEYS}/{key.id}")).json()["name"] == "busy"

    async def test_one_keys_limit_is_not_anothers(self, deck: Deck) -> None:
        small, large = await made(deck, max_tokens_per_1_minute=50), await made(deck)
        long = "a few words " * 40
        with pytest.raises(openai.RateLimitError):
            await deck.client().with_options(api_key=small.value).embeddings.create(model="embedding", input=long)
        client = deck.client().with_options(api_key=large.value)
        assert (await client.embeddings.create(model="embedding", input=long)).data


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({}, "name"),
            ({"name": ""}, "name"),
            ({"name": "a", "scopes": ["everything"]}, "scopes.0"),
            ({"name": "a", "scopes": []}, "scopes"),
            ({"name": "a", "expires_in_seconds": 0}, "expires_in_seconds"),
            ({"name": "a", "principals": ["a,b"]}, "principals.0"),
            ({"name": "a", "project_id": "_system"}, "project_id"),
            ({"name": "a", "project_id": "a/b"}, "project_id"),
            ({"name": "a", "max_requests_per_1_minute": 0}, "max_requests_per_1_minute"),
            ({"name": "a", "scope": "admin"}, "scope"),
        ],
    )
    async def test_a_bad_field_is_named(self, deck: Deck, body: dict[str, Any], param: str) -> None:
        async with http(deck) as client:
            answer = await client.post(KEYS, json=body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)

    @pytest.mark.parametrize("query", ["limit=0", "limit=101", "order=up", "event_types[]=api_key.created"])
    async def test_a_bad_query_is_refused(self, deck: Deck, query: str) -> None:
        assert await status(deck, FIRST, f"/v1/organization/audit_logs?{query}") == 400

    @pytest.mark.parametrize("key", [FIRST + "x", FIRST[:-1], "fd_" + "0" * 26 + "_" + "A" * 49, "Bearer", "ü" * 40])
    async def test_a_key_that_nobody_made_is_401(self, deck: Deck, key: str) -> None:
        async with httpx2.AsyncClient(base_url=deck.url) as client:
            answer = await client.get(KEYS, headers={b"authorization": b"Bearer " + key.encode()})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_every_act_is_in_the_audit_log_with_who_did_it(deck: Deck) -> None:
    chief = await made(deck, project_id="audited", scopes=["admin", "models"], name="chief")
    async with http(deck, chief.value) as client:
        key = (await client.post(KEYS, json={"name": "clerk", "scopes": ["models"]})).json()
        await client.post(f"{KEYS}/{key['id']}", json={"max_tokens_per_1_minute": 1000})
        await client.delete(f"{KEYS}/{key['id']}")
    logs = [one async for one in admin(deck, chief.value).admin.organization.audit_logs.list(limit=2)]
    assert [one.type for one in logs] == ["api_key.deleted", "api_key.updated", "api_key.created", "api_key.created"]
    actors = [one.actor.api_key.id for one in logs if one.actor and one.actor.api_key]
    assert actors == [chief.id, chief.id, chief.id, "bootstrap"]
    assert logs[2].api_key_created is not None
    assert logs[2].api_key_created.id == key["id"]
    assert logs[2].api_key_created.data is not None
    assert logs[2].api_key_created.data.scopes == ["models"]
    asked: Any = logs[1].api_key_updated
    assert asked.changes_requested.max_tokens_per_1_minute == 1000


@pytest.mark.parametrize(
    ("az", "said"),
    [
        (f"echo {FIRST}", "The first administrator's key works."),
        ("echo fd_bootstrap_another", "The app does not accept the first administrator's key"),
        ("exit 1", "you may not read it"),
    ],
)
async def test_the_hook_after_a_deployment_says_how_the_first_key_is_and_never_shows_it(
    deck: Deck, tmp_path: Path, az: str, said: str
) -> None:
    """With a stand-in for the Azure CLI that reads the vault, fails to, or reads an older key."""
    (tmp_path / "az").write_text(f"#!/bin/sh\n{az}\n")
    (tmp_path / "az").chmod(0o700)
    variables = {"SERVICE_API_URL": deck.url, "AZURE_KEY_VAULT_NAME": "kv-test"}
    hook = await asyncio.create_subprocess_exec(
        ROOT / "infra/hooks/first-key.sh",
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await hook.communicate())[0].decode()
    assert hook.returncode == 0
    assert said in output
    assert FIRST not in output


async def _many(user: AsyncOpenAI, calls: int) -> None:
    for _ in range(calls):
        await _raw(user)


async def _raw(user: AsyncOpenAI) -> Any:
    call: Callable[..., Awaitable[Any]] = user.embeddings.with_raw_response.create
    return await call(model="embedding", input="hi")
