"""Every route of the app asked for what is another tenant's: the answer is that for what does not exist.

The routes come from the app itself. One whose ids nobody has said here how to make fails, by its name.
"""

import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass
from typing import Any

import httpx2
import jwt
import pytest
import pytest_asyncio

from tests.scenarios.deck import ROOT, Deck

OPEN = {"health", "ready", "not_found", "get_openapi_document", "show_reference"}
"""What answers whoever asks."""

OF_ALL = {"model"}
"""What is in a path and belongs to no tenant."""

_STORE = "vector_store_id"
BODIES: dict[str, Any] = {
    "modify_vector_store": {"name": "new"},
    "search_vector_store": {"query": "anything"},
    "create_vector_store_file": {"file_id": "{file_id}"},
    "update_vector_store_file_attributes": {"attributes": {"a": "b"}},
    "create_vector_store_file_batch": {"file_ids": ["{file_id}"]},
    "create_vector_store": {"file_ids": ["{file_id}"]},
    "complete_upload": {"part_ids": ["part_1"]},
    "update_chat_completion": {"metadata": {"a": "b"}},
    "update_conversation": {"metadata": {"a": "b"}},
    "create_conversation_items": {"items": [{"role": "user", "content": "hi"}]},
    "update_project_policy": {},
    "update_admin_api_key": {"name": "new"},
    "create_response": {"model": "chat", "input": "hi", "previous_response_id": "{response_id}"},
    "create_response_azure": {"model": "chat", "input": "hi", "conversation": "{conversation_id}"},
    "create_chat_completion": {
        "model": "chat",
        "messages": [{"role": "user", "content": "hi"}],
        "data_sources": [{"type": "vector_store", "parameters": {"vector_store_ids": ["{vector_store_id}"]}}],
    },
}
"""What is sent, with the ids that are asked for; nothing where a route is not here."""


FORMS = {"add_upload_part": {"data": b"a part"}}
"""What is sent as a form."""


@dataclass(frozen=True)
class Route:
    name: str
    method: str
    path: str

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the ids in its path and its body."""
        named = re.findall(r"\{(\w+)\}", self.path + json.dumps(BODIES.get(self.name, "")))
        return tuple(dict.fromkeys(name for name in named if name not in OF_ALL))

    async def ask(self, http: httpx2.AsyncClient, ids: dict[str, str]) -> httpx2.Response:
        if self.name in FORMS:
            return await http.request(self.method, _filled("/" + self.path, ids), files=FORMS[self.name])
        path, body = _filled("/" + self.path, ids), json.loads(_filled(json.dumps(BODIES.get(self.name, {})), ids))
        return await http.request(self.method, path, json=None if self.method in ("GET", "DELETE") else body)


def _filled(text: str, ids: dict[str, str]) -> str:
    for name, value in {"model": "chat", **ids}.items():
        text = text.replace("{" + name + "}", value)
    return text


async def _registered() -> list[Route]:
    """In a process of its own, since an app can be indexed only once."""
    script = (
        "import json, function_app\n"
        "for one in function_app.app.get_functions():\n"
        "    trigger = one.get_trigger()\n"
        "    if getattr(trigger, 'route', None):\n"
        "        for method in trigger.methods:\n"
        "            said = [one.get_function_name(), str(getattr(method, 'value', method)), trigger.route]\n"
        "            print(json.dumps(said))\n"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    printed, _ = await child.communicate()
    routes = [Route(*json.loads(line)) for line in printed.splitlines()]
    assert len(routes) > 30
    return [route for route in routes if route.name not in OPEN]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def routes() -> list[Route]:
    return await _registered()


async def made(deck: Deck, owner: str) -> dict[str, str]:
    """One of each thing that has an id: how each is made."""
    client = deck.client(owner)
    file = await client.files.create(file=("a.txt", b"What is secret here."), purpose="assistants")
    store = await client.vector_stores.create(name="secret")
    batch = await client.vector_stores.file_batches.create(store.id, file_ids=[file.id])
    upload = await client.uploads.create(bytes=3, filename="b.txt", mime_type="text/plain", purpose="assistants")
    response = await client.responses.create(model="chat", input="What is secret?")
    conversation = await client.conversations.create(items=[{"role": "user", "content": "secret"}])
    completion = await client.chat.completions.create(
        model="chat", messages=[{"role": "user", "content": "secret"}], store=True
    )
    (item,) = (await client.conversations.items.list(conversation.id)).data
    async with deck.http(f"{owner}-admin") as http:
        key = (await http.post("/v1/organization/admin_api_keys", json={"name": "theirs"})).json()
    return {
        _STORE: store.id,
        "file_id": file.id,
        "batch_id": batch.id,
        "upload_id": upload.id,
        "conversation_id": conversation.id,
        "completion_id": completion.id,
        "item_id": item.id or "",
        "key_id": key["id"],
        "response_id": response.id,
        "project_id": owner,
    }


def _missing(ids: dict[str, str]) -> dict[str, str]:
    """As they look, but of nobody."""
    return {name: "nobody" if name == "project_id" else value[:-8] + "0" * 8 for name, value in ids.items()}


def _said(answer: httpx2.Response, ids: dict[str, str]) -> tuple[int, str]:
    text = answer.text
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>")
    return answer.status_code, re.sub(r'"created(_at)?": ?\d+', "", text)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def theirs(product: Deck) -> dict[str, str]:
    return await made(product, "other")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ours(product: Deck) -> dict[str, str]:
    return await made(product, "acme")


async def test_every_id_in_a_route_is_one_that_this_test_knows_how_to_make(
    routes: list[Route], theirs: dict[str, str]
) -> None:
    unknown = {route.name: sorted(set(route.ids) - theirs.keys()) for route in routes}
    assert {name: ids for name, ids in unknown.items() if ids} == {}
    assert BODIES.keys() <= {route.name for route in routes}


async def test_what_is_anothers_is_answered_as_what_does_not_exist(
    deck: Deck, routes: list[Route], theirs: dict[str, str]
) -> None:
    missing = _missing(theirs)
    async with deck.http("acme-admin") as http:
        for route in [route for route in routes if route.ids]:
            foreign, absent = await route.ask(http, theirs), await route.ask(http, missing)
            assert _said(foreign, theirs) == _said(absent, missing), route
            assert absent.status_code in (403, 404), (route, absent.text)


async def test_anothers_file_or_batch_is_missing_from_a_store_of_ones_own(
    deck: Deck, routes: list[Route], theirs: dict[str, str], ours: dict[str, str]
) -> None:
    foreign, absent = theirs | {_STORE: ours[_STORE]}, _missing(theirs) | {_STORE: ours[_STORE]}
    async with deck.http("acme-admin") as http:
        for route in [route for route in routes if _STORE in route.ids and len(route.ids) > 1]:
            seen = await route.ask(http, foreign)
            assert _said(seen, foreign) == _said(await route.ask(http, absent), absent), route
            assert seen.status_code == 404, (route, seen.text)


async def test_its_owner_still_has_all_of_it(deck: Deck, theirs: dict[str, str]) -> None:
    owner = deck.client("other")
    assert (await owner.files.retrieve(theirs["file_id"])).filename == "a.txt"
    assert (await owner.vector_stores.retrieve(theirs[_STORE])).name == "secret"
    batch = await owner.vector_stores.file_batches.retrieve(theirs["batch_id"], vector_store_id=theirs[_STORE])
    assert batch.status != "cancelled"
    assert (await owner.responses.retrieve(theirs["response_id"])).output_text == "Scripted answer."
    async with deck.http("other-admin") as http:
        key = (await http.get(f"/v1/organization/admin_api_keys/{theirs['key_id']}")).json()
    assert key["name"] == "theirs"


async def test_no_list_shows_anything_of_another(deck: Deck, routes: list[Route], theirs: dict[str, str]) -> None:
    async with deck.http("acme-admin") as http:
        for route in [route for route in routes if route.method == "GET" and not route.ids]:
            answer = await route.ask(http, {})
            shown = [name for name, value in theirs.items() if name != "project_id" and value in answer.text]
            assert shown == [], route


@pytest.mark.parametrize(
    "credential",
    ["none", "made up", "expired", "wrong audience", "alg none", "unknown key"],
)
async def test_no_route_takes_a_bad_credential(deck: Deck, routes: list[Route], credential: str) -> None:
    entra = deck.entra
    bad = {
        "none": "",
        "made up": "fd_abc_" + "x" * 49,
        "expired": entra.token(exp=int(time.time()) - 120),
        "wrong audience": entra.token(aud="another"),
        "alg none": jwt.encode(entra.claims(), None, "none", headers={"kid": "first"}),
        "unknown key": entra.token(headers={"kid": "made-up"}),
    }[credential]
    ids = dict.fromkeys((name for route in routes for name in route.ids), "x")
    async with deck.http(None) as http:
        if bad:
            http.headers["authorization"] = f"Bearer {bad}"
        for route in routes:
            answer = await route.ask(http, ids)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key"), route
            assert not bad or bad not in answer.text
