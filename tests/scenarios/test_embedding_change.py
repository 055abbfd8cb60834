"""A change of the embedding model, as docs/operations.md tells it: settings, a command that waits, and every question
answered."""

import asyncio
import json
from pathlib import Path
from typing import Any

import openai
import pytest

from local.azurite import Azurite
from tests.scenarios.deck import Deck, catalogue, eventually, running
from tests.scenarios.test_cli import Ran, run
from tests.scenarios.test_documents import add, found
from tests.scenarios.test_keys import FIRST
from tests.upstream import ScriptedUpstream

QUESTION = "What is on this page?"


def models(upstream: ScriptedUpstream) -> str:
    known: dict[str, Any] = catalogue(upstream)
    deployments = [{"id": "scripted-second", "endpoint": upstream.endpoint, "model": "second"}]
    known["second"] = {"kind": "embedding", "dimensions": 384, "index": "second", "deployments": deployments}
    return json.dumps(known)


async def reindex(deck: Deck, *options: str) -> Ran:
    return await run("reindex", *options, env={"FLIGHTDECK_URL": deck.url, "FLIGHTDECK_API_KEY": FIRST})


def asked(deck: Deck, model: str) -> bool:
    return any(QUESTION in entry.body["input"] for entry in deck.upstream.journal.of(model))


async def test_the_next_model_takes_over_and_no_question_goes_unanswered(
    tmp_path: Path, own_azurite: Azurite, upstream: ScriptedUpstream
) -> None:
    upstream.steps.reset()
    both = {"FLIGHTDECK_MODELS": models(upstream), "FLIGHTDECK_BOOTSTRAP_KEY": FIRST}
    old, new = {"FLIGHTDECK_EMBEDDING_MODEL": "embedding"}, {"FLIGHTDECK_EMBEDDING_MODEL": "second"}
    migrating = {"FLIGHTDECK_EMBEDDING_MODEL_NEXT": "second", "FLIGHTDECK_MIGRATION_OVERLAP_S": "0"}

    async with running(tmp_path, own_azurite, upstream, both | old) as deck:
        store = await deck.client().vector_stores.create(name="pages")
        for name in ("one", "two"):
            await add(deck, store.id, f"{name}.txt", f"This is on page {name}.".encode())
        assert not deck.upstream.journal.of("second")

    upstream.journal.reset()
    async with running(tmp_path, own_azurite, upstream, both | old | migrating) as deck:
        wanted = ["one.txt", "two.txt"]

        async def ask() -> bool:
            assert sorted(await found(deck, store.id, QUESTION)) == wanted
            return asked(deck, "second")

        await ask()
        waiting = asyncio.create_task(reindex(deck, "--wait"))
        await add(deck, store.id, "three.txt", b"This is on page three.")
        wanted = ["one.txt", "three.txt", "two.txt"]
        await eventually(ask, bool, timeout_s=120)
        waited = await waiting
        assert (waited.code, waited.lines[0][:3]) == (0, ["switched", "second", "second"])
        assert waited.err.splitlines()[-1] == "'second' answers"

    upstream.journal.reset()
    async with running(tmp_path, own_azurite, upstream, both | new) as deck:
        await add(deck, store.id, "four.txt", b"This is on page four.")
        assert sorted(await found(deck, store.id, QUESTION)) == ["four.txt", "one.txt", "three.txt", "two.txt"]
        assert not deck.upstream.journal.of("embedding")
        assert (await reindex(deck)).lines[0][:2] == ["unchanged", "second"]
        nothing = await reindex(deck, "--wait")
        assert (nothing.code, "FLIGHTDECK_EMBEDDING_MODEL_NEXT names no other model" in nothing.err) == (1, True)

    async with running(tmp_path, own_azurite, upstream, both | old) as deck:
        with pytest.raises(openai.InternalServerError) as refused:
            await found(deck, store.id, QUESTION)
        assert refused.value.code == "embedding_model_mismatch"
        mismatched = await reindex(deck, "--wait")
        assert (mismatched.code, "'embeddings second 384'" in mismatched.err) == (1, True)
