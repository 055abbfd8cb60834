"""The command line as a person runs it, against the whole product."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.scenarios.deck import KEYS, ROOT, Deck
from tests.scenarios.test_documents import add
from tests.upstream import Step


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[list[str]]:
        """The tab-separated lines that stand for a table where nobody looks."""
        return [line.split("\t") for line in self.out.splitlines()]

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


async def run(*arguments: str, env: Mapping[str, str], stdin: str = "", cwd: Path = ROOT) -> Ran:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLIGHTDECK_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-m", "cli", *arguments),
        cwd=cwd,
        env=clean | env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin.encode())
    ran = Ran(process.returncode or 0, out.decode(), err.decode())
    assert "Traceback" not in ran.err
    return ran


async def cli(deck: Deck, *arguments: str, holder: str = "acme-admin", stdin: str = "") -> Ran:
    env = {"FLIGHTDECK_URL": deck.url, "FLIGHTDECK_API_KEY": KEYS[holder]}
    return await run(*arguments, env=env, stdin=stdin)


async def test_the_doctor_says_what_is_wrong_and_what_to_do(deck: Deck) -> None:
    told = await cli(deck, "doctor")
    states = {about: (state, says) for state, about, says in told.lines}
    assert told.code == 1, "the model `down` has no server"
    assert {about for about, (state, _) in states.items() if state == "wrong"} == {"model down", "chat with down"}
    assert "FLIGHTDECK_MODELS" in states["model down"][1]
    assert states["key"] == ("ok", "from FLIGHTDECK_API_KEY, may use: models, documents, usage, admin.")
    assert states["chat with chat"][1].startswith("scripted-chat answered in ")
    assert states["embedding with embedding"][0] == states["queues"][0] == states["blobs"][0] == "ok"


async def test_the_doctor_of_a_place_where_nobody_listens_says_so_and_stops(deck: Deck) -> None:
    told = await run("--url", "http://127.0.0.1:9/v1/", "doctor", "--json", env={})
    (finding,) = json.loads(told.out)
    assert (told.code, finding["state"], finding["about"]) == (1, "wrong", "address")
    assert "http://127.0.0.1:9 (from --url) cannot be reached" in finding["says"]


async def test_local_modes_address_and_key_are_found_and_its_key_goes_nowhere_else(deck: Deck, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "cli", tmp_path / "cli")
    (tmp_path / ".local").mkdir()
    variables = {"OPENAI_BASE_URL": f"{deck.url}/v1", "OPENAI_API_KEY": KEYS["acme-admin"]}
    (tmp_path / ".local" / "env").write_text("".join(f"export {name}={value}\n" for name, value in variables.items()))
    assert (await run("keys", "list", "--json", env={}, cwd=tmp_path)).code == 0
    elsewhere = await run("keys", "list", env={"FLIGHTDECK_URL": "http://127.0.0.1:9"}, cwd=tmp_path)
    assert elsewhere.code == 1
    assert elsewhere.err == "Error: There is no key for http://127.0.0.1:9: set FLIGHTDECK_API_KEY.\n"


async def test_keys_are_listed(deck: Deck) -> None:
    async with deck.http("acme-admin") as http:
        made = (await http.post("/v1/organization/admin_api_keys", json={"name": "bot", "scopes": ["models"]})).json()
    listed = await cli(deck, "keys", "list")
    assert [made["id"], "bot", "acme", "models"] in [line[:4] for line in listed.lines]
    assert made["id"] in [key["id"] for key in (await cli(deck, "keys", "list", "--json")).json()]


async def test_what_the_server_refuses_is_said_in_its_words(deck: Deck) -> None:
    refused = await cli(deck, "keys", "list", holder="acme")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("Error: ")
    assert "admin" in refused.err


async def test_what_cannot_be_meant_ends_with_two(deck: Deck) -> None:
    for arguments, said in [
        (("--url", "flightdeck", "doctor"), "not 'flightdeck'"),
        (("kesy",), "No such command 'kesy'"),
        (("chat",), "There is no question"),
    ]:
        wrong = await cli(deck, *arguments)
        assert wrong.code == 2, arguments
        assert said in wrong.err


async def test_chat_answers_from_a_store_by_its_name_with_citations(deck: Deck) -> None:
    store = await deck.client().vector_stores.create(name="gatehouse")
    await add(deck, store.id, "gate.txt", b"The access code of the gate is heliotrope.")
    deck.upstream.script("chat", Step(text="Heliotrope\x1b[2J [doc1]."))
    told = await cli(deck, "chat", "--store", "gatehouse", "What is the access code?", holder="acme")
    assert told.code == 0, told.err
    assert told.out == (
        "Heliotrope�[2J [doc1].\n[doc1] gate.txt, characters 0-42: 'The access code of the gate is heliotrope.'\n"
    )
    assert (await cli(deck, "chat", "--store", "nowhere", "What?")).err == (
        "Error: There is no vector store 'nowhere'; `stores list` shows those that there are.\n"
    )


async def test_a_question_may_be_piped_in(deck: Deck) -> None:
    told = await cli(deck, "chat", "--model", "chat", "--system", "Be brief.", stdin="Say something.\n")
    assert (told.code, told.out) == (0, "Scripted answer.\n")
    (asked,) = deck.upstream.journal.of("chat")
    assert [message["content"] for message in asked.body["messages"]] == ["Be brief.", "Say something."]
