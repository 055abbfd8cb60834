"""Documents that take many runs: a product with small parts, so that a manual of 200 pages is a large one."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from local.azurite import Azurite
from tests.scenarios.deck import Deck, eventually, running
from tests.scenarios.manuals import policy_manual
from tests.scenarios.test_documents import PHRASE, add, ask, pages_with, search
from tests.upstream import ScriptedUpstream, Step

PART_PAGES = 25
PART_BYTES = 4096


@pytest_asyncio.fixture(loop_scope="session")
async def deck(own_azurite: Azurite, upstream: ScriptedUpstream, tmp_path: Path) -> AsyncIterator[Deck]:
    settings = {"FLIGHTDECK_PART_PAGES": str(PART_PAGES), "FLIGHTDECK_PART_BYTES": str(PART_BYTES)}
    upstream.steps.reset()
    upstream.journal.reset()
    async with running(tmp_path, own_azurite, upstream, settings) as product:
        yield product


def embedded(deck: Deck) -> list[str]:
    """Every text that the model server was asked to embed for a document; a search asks for one at a time."""
    calls: list[Any] = [call.body["input"] for call in deck.upstream.journal.of("embedding") if call.status == 200]
    return [text for texts in calls if len(texts) > 1 for text in texts]


async def test_a_manual_in_parts_survives_its_worker_is_cited_by_page_and_not_embedded_twice(deck: Deck) -> None:
    manual, client = policy_manual(), deck.client().with_options(max_retries=5)
    store = await client.vector_stores.create(name="manuals")
    uploaded = await client.files.create(file=("policy.pdf", manual.read_bytes()), purpose="assistants")
    await client.vector_stores.files.create(vector_store_id=store.id, file_id=uploaded.id)

    async def look() -> Any:
        return await client.vector_stores.files.retrieve(uploaded.id, vector_store_id=store.id)

    half_way = await eventually(look, lambda file: file.progress["parts_done"] >= 2, timeout_s=120)
    assert half_way.progress["parts"] == -(-193 // PART_PAGES)
    os.kill(deck.host.worker_pids[0], signal.SIGKILL)
    file = await eventually(look, lambda file: file.status != "in_progress", timeout_s=120)
    assert (file.status, file.last_error, file.progress["state"]) == ("completed", None, "ready")
    counts = (await client.vector_stores.retrieve(store.id)).file_counts
    assert (counts.completed, counts.in_progress) == (1, 0)
    texts = embedded(deck)
    assert len(texts) - len(set(texts)) <= 8 * 64, "at most the batches that were under way are embedded again"

    deck.upstream.script("chat", Step(text="It says so [doc1]."))
    answer = await ask(deck, store.id, PHRASE)
    best = next(
        one for one in answer.choices[0].message.context["citations"] if PHRASE in " ".join(one["content"].split())
    )
    assert pages_with(manual, PHRASE) & set(range(best["page_start"], best["page_end"] + 1))
    assert best["char_end"] - best["char_start"] == len(best["content"])


async def test_a_text_in_parts_is_found_with_spans_of_the_whole_file(deck: Deck) -> None:
    lines = [f"Rule {number}: the colour of gate {number} is c{number:04x}.\n" for number in range(2000)]
    text = "".join(lines)
    store = await deck.client().vector_stores.create(name="rules")
    file = await add(deck, store.id, "rules.txt", text.encode())
    assert (file.status, file.last_error) == ("completed", None)
    (hit, *_) = await search(deck, store.id, "c06d2")
    assert "Rule 1746: the colour of gate 1746 is c06d2." in hit.content[0].text
    pages = await deck.client().vector_stores.files.content(file.id, vector_store_id=store.id)
    parts = [part.text or "" async for part in pages]
    assert len(parts) > len(text) / PART_BYTES
    assert "".join("".join(parts).split()) == "".join(text.split())


async def test_a_model_at_its_limit_delays_parts_as_long_as_it_says_and_spends_no_attempt(deck: Deck) -> None:
    text = "".join(f"Rule {number}: the colour of gate {number} is c{number:04x}.\n" for number in range(300))
    busy = 12  # more refusals in a row than a message has attempts
    deck.upstream.script("embedding", Step(status=429, retry_after_s=1, times=busy))
    store = await deck.client().vector_stores.create(name="busy")
    file = await add(deck, store.id, "rules.txt", text.encode())
    assert (file.status, file.last_error, file.progress["attempts"]) == ("completed", None, 0)
    answers = [call.status for call in deck.upstream.journal.of("embedding")]
    assert answers.count(429) == busy
    texts = embedded(deck)
    assert len(texts) == len(set(texts)), "what was embedded before a refusal was kept"
