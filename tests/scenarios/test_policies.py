"""What an operator lets a tenant use, over HTTP and OpenAI's client."""

import io
import uuid
import zipfile
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import httpx2
import openai
import pytest
import pytest_asyncio

from local.azurite import Azurite, AzuriteConfig
from tests.scenarios.deck import Deck, eventually, running
from tests.scenarios.test_cli import run
from tests.upstream import ScriptedUpstream

FIRST = "fd_first_" + "a" * 40
ASKED: list[Any] = [{"role": "user", "content": "hi"}]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> AsyncIterator[Deck]:
    storage = Azurite(AzuriteConfig(data_dir=tmp_path_factory.mktemp("azurite")))
    await storage.start()
    settings = {"FLIGHTDECK_BOOTSTRAP_KEY": FIRST, "FLIGHTDECK_KEY_CACHE_S": "0.1", "FLIGHTDECK_ERASURE_WAIT_S": "1"}
    try:
        async with running(tmp_path_factory.mktemp("product"), storage, upstream, settings) as deck:
            yield deck
    finally:
        await storage.stop()


@pytest.fixture
def tenant() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


def admin(deck: Deck, key: str = FIRST) -> httpx2.AsyncClient:
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.AsyncClient(base_url=f"{deck.url}/v1/organization", headers=headers, timeout=60)


async def key_of(deck: Deck, tenant: str, *scopes: str) -> str:
    body = {"name": "k", "project_id": tenant, "scopes": scopes or ["models", "usage", "admin"]}
    async with admin(deck) as http:
        return (await http.post("/admin_api_keys", json=body)).json()["value"]


async def set_policy(deck: Deck, tenant: str, **fields: Any) -> httpx2.Response:
    async with admin(deck) as http:
        return await http.post(f"/projects/{tenant}/policy", json=fields)


async def test_a_spent_budget_refuses_the_next_call_and_tells_clients_not_to_try_again(deck: Deck, tenant: str) -> None:
    key = await key_of(deck, tenant)
    assert (await set_policy(deck, tenant, monthly_budget_usd=0)).status_code == 200
    client = deck.client().with_options(api_key=key, max_retries=5)
    with pytest.raises(openai.RateLimitError) as refused:
        await client.chat.completions.create(model="chat", messages=ASKED)
    assert (refused.value.code, refused.value.type) == ("insufficient_quota", "insufficient_quota")
    assert refused.value.response.headers["x-should-retry"] == "false"
    with pytest.raises(openai.RateLimitError):
        await client.chat.completions.create(model="chat", messages=ASKED, stream=True)
    assert not deck.upstream.journal.of("chat")


async def test_a_tenants_own_rate_holds_for_all_its_keys(deck: Deck, tenant: str) -> None:
    keys = [await key_of(deck, tenant) for _ in range(2)]
    await set_policy(deck, tenant, max_requests_per_1_minute=10)
    outcomes: list[str] = []
    for number in range(4):
        client = deck.client().with_options(api_key=keys[number % 2])
        try:
            answered = await client.chat.completions.with_raw_response.create(model="chat", messages=ASKED)
            outcomes.append(answered.headers["x-ratelimit-limit-requests"])
        except openai.RateLimitError as error:
            outcomes.append(error.code or "")
    assert outcomes[0] == "10"
    assert "rate_limit_exceeded" in outcomes


async def test_an_operator_sets_them_from_the_terminal(deck: Deck, tenant: str) -> None:
    env = {"FLIGHTDECK_URL": deck.url, "FLIGHTDECK_API_KEY": FIRST}
    limits = ("--monthly-budget", "250.5", "--tokens-per-minute", "300000", "--storage", "1000000")
    wanted = await run("limits", "set", tenant, *limits, "--semantic-cache", env=env)
    assert wanted.lines == [[tenant, "none", "300000", "$250.50", "0", "1000000", "on"]]
    changed = await run("limits", "set", tenant, "--storage", "none", "--no-semantic-cache", env=env)
    assert changed.lines == [[tenant, "none", "300000", "$250.50", "0", "none", "off"]]


async def test_an_administrator_sees_the_policy_and_cannot_change_it(deck: Deck, tenant: str) -> None:
    key = await key_of(deck, tenant)
    await set_policy(deck, tenant, max_tokens_per_1_minute=5_000_000, monthly_budget_usd=12.5)
    async with admin(deck, key) as http:
        seen = await http.get(f"/projects/{tenant}/policy")
        changed = await http.post(f"/projects/{tenant}/policy", json={"monthly_budget_usd": 1000})
        foreign = [(await http.get(f"/projects/{name}/policy")) for name in ("acme", "nobody-at-all")]
    assert (seen.json()["monthly_budget_usd"], seen.json()["max_tokens_per_1_minute"]) == (12.5, 5_000_000)
    assert changed.status_code == 403
    assert [answer.status_code for answer in foreign] == [404, 404]


async def test_a_file_over_the_storage_quota_is_refused_until_another_is_deleted(deck: Deck, tenant: str) -> None:
    key = await key_of(deck, tenant, "documents", "admin")
    await set_policy(deck, tenant, max_storage_bytes=10)
    client = deck.client().with_options(api_key=key, max_retries=5)
    first = await client.files.create(file=("a.txt", b"123456"), purpose="user_data")
    with pytest.raises(openai.RateLimitError, match="6 of 10 bytes are used, and this takes 5 more") as refused:
        await client.files.create(file=("b.txt", b"12345"), purpose="user_data")
    assert (refused.value.code, refused.value.response.headers["x-should-retry"]) == ("insufficient_quota", "false")
    with pytest.raises(openai.RateLimitError):
        await client.uploads.create(bytes=5, filename="b.txt", mime_type="text/plain", purpose="user_data")
    async with admin(deck, key) as http:
        seen = (await http.get(f"/projects/{tenant}/policy")).json()
    assert (seen["max_storage_bytes"], seen["used_storage_bytes"]) == (10, 6)
    await client.files.delete(first.id)
    await client.files.create(file=("b.txt", b"12345"), purpose="user_data")


TOOL: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
ONE = "Explain the colour of the evening sky in 3 harbours"
ALIKE = "Explain a colour of the evening sky in 3 harbours"


async def ask(deck: Deck, key: str, question: str, **extra: Any) -> dict[str, str]:
    """What the answer's headers say of the cache."""
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": question}], **extra}
    client = deck.client().with_options(api_key=key).chat.completions.with_raw_response
    answer = await client.create(model="chat", temperature=0, **asked)
    assert answer.parse().choices
    return {name: value for name, value in answer.headers.items() if name.startswith("x-flightdeck-cache")}


async def asked_until_hit(deck: Deck, key: str, question: str) -> dict[str, str]:
    """An answer is kept a moment after it was given: each try is a question of its own, so that none is the same."""
    marks = count(1)
    return await eventually(
        lambda: ask(deck, key, question + "?" * next(marks)), lambda told: told["x-flightdeck-cache"] != "miss"
    )


async def test_a_question_that_means_the_same_is_a_hit_where_the_policy_says_so(deck: Deck, tenant: str) -> None:
    key = await key_of(deck, tenant)
    await ask(deck, key, "Hello")  # the policy as it was is remembered for a while
    opted = await key_of(deck, f"{tenant}-2")
    assert (await set_policy(deck, f"{tenant}-2", semantic_cache=True)).json()["semantic_cache"] is True
    assert [await ask(deck, key, question) for question in (ONE, ALIKE)] == [{"x-flightdeck-cache": "miss"}] * 2
    assert await ask(deck, opted, ONE) == {"x-flightdeck-cache": "miss"}
    told = await asked_until_hit(deck, opted, ALIKE)
    assert told["x-flightdeck-cache"] == "semantic"
    assert 0.95 < float(told["x-flightdeck-cache-similarity"]) <= 1
    stream = (
        await deck.client()
        .with_options(api_key=opted)
        .chat.completions.with_raw_response.create(
            model="chat", temperature=0, messages=[{"role": "user", "content": f"{ALIKE}!"}], stream=True
        )
    )
    assert stream.headers["x-flightdeck-cache"] == "semantic"
    assert [chunk.choices[0].finish_reason async for chunk in stream.parse()][-1] == "stop"


@pytest_asyncio.fixture(loop_scope="session")
async def answered(deck: Deck, tenant: str) -> str:
    """A key of a tenant with the semantic cache, in which `ONE` has been answered."""
    key = await key_of(deck, tenant)
    await set_policy(deck, tenant, semantic_cache=True)
    await ask(deck, key, ONE)
    again = await asked_until_hit(deck, key, ONE)
    assert again["x-flightdeck-cache"] == "semantic"
    return key


@pytest.mark.parametrize(
    ("question", "extra"),
    [
        ("Explain the colour of the evening sky not in 3 harbours", {}),
        ("Explain the colour of the evening sky in 5 harbours", {}),
        (ALIKE, {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": ALIKE}]}),
        (ALIKE, {"tools": [TOOL]}),
        (ALIKE, {"seed": 7}),
        (ALIKE, {"extra_headers": {"cache-control": "no-store"}}),
        (ALIKE, {"extra_headers": {"x-flightdeck-cache": "exact"}}),
        (ALIKE, {"extra_headers": {"x-flightdeck-cache": "similarity=0.9999"}}),
    ],
    ids=["negation", "number", "system prompt", "tools", "seed", "no-store", "exact", "similarity"],
)
async def test_what_differs_from_a_question_is_no_semantic_hit(
    deck: Deck, answered: str, question: str, extra: dict[str, Any]
) -> None:
    before = len(deck.upstream.journal.of("chat"))
    assert (await ask(deck, answered, question, **extra)).get("x-flightdeck-cache") in (None, "miss")
    assert len(deck.upstream.journal.of("chat")) == before + 1


async def test_no_tenant_has_what_another_was_answered(deck: Deck, tenant: str, answered: str) -> None:
    other = await key_of(deck, f"{tenant}-other")
    await set_policy(deck, f"{tenant}-other", semantic_cache=True)
    assert await ask(deck, other, ALIKE) == {"x-flightdeck-cache": "miss"}


async def test_a_tenant_is_exported_and_then_erased_while_its_operator_watches(deck: Deck, tenant: str) -> None:
    key = await key_of(deck, tenant, "models", "documents", "admin")
    client = deck.client().with_options(api_key=key, max_retries=0)
    await client.chat.completions.create(model="chat", messages=ASKED)
    file = await client.files.create(file=("a.txt", b"The valve is orange."), purpose="assistants")
    await client.vector_stores.create(name="secret", file_ids=[file.id])
    async with admin(deck, key) as http:
        assert (await http.delete(f"/projects/{tenant}")).status_code == 403
        assert (await http.get(f"/projects/{tenant}/export/content")).status_code == 404
        assert (await http.post(f"/projects/{tenant}/export")).json()["status"] == "in_progress"

        async def exported() -> str:
            return (await http.get(f"/projects/{tenant}/export")).json()["status"]

        await eventually(exported, "completed".__eq__)
        archive = zipfile.ZipFile(io.BytesIO((await http.get(f"/projects/{tenant}/export/content")).content))
        assert archive.read(f"files/{file.id}/a.txt") == b"The valve is orange."
        assert b'hmac":""' in archive.read("records/KeyRecord.jsonl")
    async with admin(deck) as http:
        assert (await http.get(f"/projects/{tenant}/erasure")).status_code == 404
        begun = (await http.delete(f"/projects/{tenant}")).json()
        assert (begun["project_id"], begun["status"]) == (tenant, "in_progress")

        async def status() -> str:
            return (await http.get(f"/projects/{tenant}/erasure")).json()["status"]

        await eventually(status, "completed".__eq__)
        done = (await http.get(f"/projects/{tenant}/erasure")).json()
        assert done["erased"]["blobs"] == 2  # the file and the export
        assert done["erased"]["keys"] == 1
        again = await http.post("/admin_api_keys", json={"name": "k", "project_id": tenant})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "project_erased")
        logs = (await http.get("/audit_logs")).json()["data"]
    assert next(one for one in logs if one["type"] == "project.deleted")["project.deleted"]["id"] == begun["pseudonym"]
    with pytest.raises(openai.AuthenticationError):
        await client.files.list()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"monthly_budget_usd": -1}, "monthly_budget_usd"),
        ({"max_storage_bytes": "lots"}, "max_storage_bytes"),
        ({"semantic_cache": "maybe"}, "semantic_cache"),
        ({"max_tokens": 5}, "max_tokens"),
    ],
)
async def test_what_is_wrong_with_a_policy_is_said(deck: Deck, tenant: str, fields: Any, param: str) -> None:
    refused = await set_policy(deck, tenant, **fields)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
