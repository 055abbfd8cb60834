"""The command line as a person runs it, against the whole product."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.scenarios.deck import KEYS, ROOT, Deck, eventually
from tests.scenarios.test_documents import add, found
from tests.scenarios.test_usage import usage
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


async def started(
    *arguments: str, env: Mapping[str, str], cwd: Path = ROOT, streams: int = asyncio.subprocess.PIPE
) -> asyncio.subprocess.Process:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLIGHTDECK_")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-m", "cli", *arguments),
        cwd=cwd,
        env=clean | env,
        stdin=streams,
        stdout=streams,
        stderr=streams,
    )


async def run(*arguments: str, env: Mapping[str, str], stdin: str = "", cwd: Path = ROOT) -> Ran:
    process = await started(*arguments, env=env, cwd=cwd)
    out, err = await process.communicate(stdin.encode())
    assert b"Traceback" not in err, err.decode()
    return Ran(process.returncode or 0, out.decode(), err.decode())


async def cli(deck: Deck, *arguments: str, holder: str = "acme-admin", stdin: str = "") -> Ran:
    env = {"FLIGHTDECK_URL": deck.url, "FLIGHTDECK_API_KEY": KEYS[holder]}
    return await run(*arguments, env=env, stdin=stdin)


class Terminal:
    """The program on a terminal: what it shows so far, and what is typed."""

    def __init__(self, deck: Deck, *arguments: str, holder: str = "acme-admin") -> None:
        self._arguments = arguments
        self._env = {"FLIGHTDECK_URL": deck.url, "FLIGHTDECK_API_KEY": KEYS[holder], "COLUMNS": "120", "TERM": "xterm"}
        self._shown = b""

    async def __aenter__(self) -> Self:
        self._ours, theirs = os.openpty()
        self.process = await started(*self._arguments, env=self._env, streams=theirs)
        os.close(theirs)
        self._reading = asyncio.create_task(asyncio.to_thread(self._read))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        await self._reading
        os.close(self._ours)

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._shown.decode(errors="replace"))

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    async def shows(self, words: str) -> None:
        async def look() -> str:
            return self.text

        await eventually(look, lambda text: words in text)

    def _read(self) -> None:
        with suppress(OSError):  # the last holder of the other end is gone
            while piece := os.read(self._ours, 65536):
                self._shown += piece


async def test_the_doctor_says_what_is_wrong_and_what_to_do(deck: Deck) -> None:
    told = await cli(deck, "doctor")
    states = {about: (state, says) for state, about, says in told.lines}
    assert told.code == 1, "the model `down` has no server"
    assert {about for about, (state, _) in states.items() if state == "wrong"} == {"model down", "chat with down"}
    assert "FLIGHTDECK_MODELS" in states["model down"][1]
    assert states["key"] == ("ok", "from FLIGHTDECK_API_KEY, may use: models, documents, usage, admin.")
    assert states["chat with chat"][1].startswith("scripted-chat answered in ")
    assert states["embedding with embedding"][0] == states["queues"][0] == states["blobs"][0] == "ok"


async def test_local_modes_address_and_key_are_found_by_a_copy_that_has_nothing_else_of_ours(
    deck: Deck, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "cli", tmp_path / "cli")
    (tmp_path / ".local").mkdir()
    variables = {"OPENAI_BASE_URL": f"{deck.url}/v1", "OPENAI_API_KEY": KEYS["acme-admin"]}
    (tmp_path / ".local" / "env").write_text("".join(f"export {name}={value}\n" for name, value in variables.items()))
    assert (await run("keys", "list", "--json", env={}, cwd=tmp_path)).code == 0


async def test_a_key_is_made_limited_listed_and_revoked(deck: Deck) -> None:
    wanted = ("--scope", "models", "--principal", "hr", "--expires", "1d", "--requests-per-minute", "600")
    made = await cli(deck, "keys", "create", "bot", *wanted)
    async with deck.http(None) as http:
        assert (await http.get("/v1/models", headers={"api-key": made.out.strip()})).status_code == 200
    key_id = made.err.split()[0]
    limited = (await cli(deck, "keys", "limit", key_id, "--requests-per-minute", "none", "--json")).json()
    assert [key["max_requests_per_1_minute"] for key in limited] == [None]
    listed = await cli(deck, "keys", "list")
    assert [key_id, "bot", "acme", "models", "hr"] in [line[:5] for line in listed.lines]
    assert (await cli(deck, "keys", "revoke", "--yes", key_id)).code == 0
    assert (await cli(deck, "keys", "log", "--last", "3")).lines[0][1:4] == [
        "api_key.deleted",
        key_id,
        "key-acme-admin",
    ]


async def test_usage_and_costs_are_what_the_ledger_says(deck: Deck) -> None:
    await deck.client().chat.completions.create(model="chat", messages=[{"role": "user", "content": "hi"}])
    await eventually(lambda: usage(deck, "completions"), lambda results: len(results) > 0)
    used = (await cli(deck, "usage", "--by", "model", "--by", "key", "--days", "2")).lines
    line = next(line for line in used if line[:3] == ["chat", "key-acme", "completions"])
    assert int(line[3]) >= 1
    spent = (await cli(deck, "costs", "--by", "tenant", "--json")).json()
    assert spent[0]["tenant"] == "acme"
    assert spent[0]["cost_microusd"] > 0


async def test_a_tenants_limits_are_shown_and_only_operators_set_them(deck: Deck) -> None:
    shown = await cli(deck, "limits", "show", "acme")
    (line,) = shown.lines
    assert (line[:4], line[5:]) == (["acme", "none", "none", "none"], ["none", "off"])
    refused = await cli(deck, "limits", "set", "acme", "--monthly-budget", "250", "--requests-per-minute", "600")
    assert (refused.code, "operator" in refused.err) == (1, True)


async def test_how_a_change_of_the_embedding_model_stands_is_for_operators(deck: Deck) -> None:
    refused = await cli(deck, "reindex")
    assert (refused.code, refused.out, "operator" in refused.err) == (1, "", True)


async def test_what_the_server_refuses_is_said_in_its_words(deck: Deck) -> None:
    refused = await cli(deck, "keys", "list", holder="acme")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith("Error: ")
    assert "admin" in refused.err


async def test_a_question_that_is_piped_in_is_answered_from_a_store_with_citations(deck: Deck) -> None:
    store = await deck.client().vector_stores.create(name="gatehouse")
    await add(deck, store.id, "gate.txt", b"The access code of the gate is heliotrope.")
    deck.upstream.script("chat", Step(text="Heliotrope\x1b[2J [doc1]."))
    question = ("--store", "gatehouse", "--system", "Be brief.")
    told = await cli(deck, "chat", *question, stdin="What is the access code?\n", holder="acme")
    assert told.code == 0, told.err
    assert told.out == (
        "Heliotrope�[2J [doc1].\n[doc1] gate.txt, characters 0-42: 'The access code of the gate is heliotrope.'\n"
    )
    (asked,) = deck.upstream.journal.of("chat")
    assert "Be brief." in [message["content"] for message in asked.body["messages"]]


async def test_a_folder_is_brought_once_and_what_fails_says_why(deck: Deck, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    for name, content in {
        "heron.md": b"The heron nests by the mill.",
        "sub/owl.txt": b"The owl sleeps in the barn.",
        "broken.pdf": b"%PDF-1.7\nnothing that a reader could use",
        "large.bin": bytes(1_300_000),
        "sub/.secret": b"never",
        "node_modules/code.js": b"never",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    arguments = ("upload", str(folder), "--store", "birds", "--exclude", "node_modules", "--part-mib", "1")
    async with Terminal(deck, *arguments, "--attribute", "year=2024") as terminal:
        assert await terminal.process.wait() == 1
    seen = terminal.text
    assert "4 of 4 files" in seen, "the bars"
    assert re.search(r"File +Reason", seen), "the table"
    assert re.search(r"broken.pdf +invalid_file: 'broken.pdf'", seen)
    assert ": 2 failed, 2 uploaded." in seen

    (folder / "heron.md").write_text("The heron has left the mill.")
    again = json.loads((await cli(deck, *arguments, "--json")).out)
    assert {file["name"]: (file["what"], file["reason"][:12]) for file in again["files"]} == {
        "broken.pdf": ("unchanged", "invalid_file"),
        "heron.md": ("uploaded", ""),
        "large.bin": ("unchanged", "unsupported_"),
        "sub/owl.txt": ("unchanged", ""),
    }
    listed = (await cli(deck, "documents", "list", "birds", "--json")).json()
    heron = next(file for file in listed if file["filename"] == "heron.md")
    assert (len(listed), heron["attributes"]["path"], heron["attributes"]["year"]) == (4, "heron.md", 2024)
    assert await found(deck, again["store_id"], "Where is the heron?") == ["heron.md", "owl.txt"]


async def test_an_interrupted_upload_finishes_what_is_on_its_way(deck: Deck, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"wren-{number}.txt").write_text(f"The wren has {number} nests.")
    env = {"FLIGHTDECK_URL": deck.url, "FLIGHTDECK_API_KEY": KEYS["acme"]}
    process = await started("upload", str(tmp_path), "--store", "wrens", "--at-once", "2", env=env)
    assert process.stderr is not None
    async for line in process.stderr:
        if line.startswith(b"uploaded"):
            break
    process.send_signal(signal.SIGINT)
    _, told = await process.communicate()
    assert process.returncode == 130
    assert b"The same command goes on from there." in told
    assert b"Traceback" not in told
    client = deck.client()
    brought = {file.id async for file in client.files.list() if file.filename.startswith("wren-")}
    (store,) = [store async for store in client.vector_stores.list() if store.name == "wrens"]
    assert {file.id async for file in client.vector_stores.files.list(store.id)} == brought
    assert 0 < len(brought) < 30


async def test_a_document_is_shown_followed_and_tried_again(deck: Deck) -> None:
    store = await deck.client().vector_stores.create(name="shelf")
    good = await add(deck, store.id, "good.txt", b"The lamp is on the shelf.")
    bad = await add(deck, store.id, "bad.pdf", b"%PDF-1.7\nnothing that a reader could use")
    failed = await cli(deck, "documents", "list", "shelf", "--status", "failed")
    assert [(line[0], line[1], line[2]) for line in failed.lines] == [(bad.id, "bad.pdf", "failed")]
    nowhere = await cli(deck, "documents", "list", "nowhere")
    assert (nowhere.code, nowhere.err.startswith("Error: There is no vector store 'nowhere'")) == (1, True)
    tried = (await cli(deck, "documents", "retry", "shelf", "--failed", "--json")).json()
    assert [file["id"] for file in tried] == [bad.id]
    shown = await cli(deck, "documents", "show", "shelf", bad.id, "--follow")
    assert shown.code == 1
    assert "reason   invalid_file: 'bad.pdf'" in shown.out
    timeline = (await cli(deck, "documents", "show", "shelf", good.id)).out
    assert [line.split()[0] for line in timeline.splitlines()[1:]][:3] == ["attached", "state", "index"]
    assert "embed" in timeline


async def test_a_conversation_goes_on_after_an_answer_was_stopped(deck: Deck) -> None:
    deck.upstream.script("chat", Step(text="First."), Step(chunks=("Two ", "never"), fault="stall", after_chunks=1))
    async with Terminal(deck, "chat", holder="acme") as terminal:
        await terminal.shows("> ")
        terminal.type("One?\n")
        await terminal.shows("First.")
        terminal.type("Two?\n")
        await terminal.shows("Two ")
        terminal.process.send_signal(signal.SIGINT)
        await terminal.shows("(stopped)")
        terminal.process.send_signal(signal.SIGINT)
        assert await terminal.process.wait() == 130
    assert "Traceback" not in terminal.text
    roles = [message["role"] for message in deck.upstream.journal.of("chat")[1].body["messages"]]
    assert roles == ["user", "assistant", "user"]
