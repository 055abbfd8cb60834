"""`make soak`: documents of thousands of pages and hundreds of megabytes, with a worker killed half-way.

SOAK_PAGES and SOAK_MEGABYTES make them smaller.
"""

import json
import os
import re
import signal
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from local.azurite import Azurite
from shared.adapters.storage.auth import StorageAccount
from shared.adapters.storage.blobs import StorageBlobs
from tests.scenarios.deck import Deck, eventually, running
from tests.scenarios.giants import marker, write_pdf, write_text
from tests.scenarios.test_documents import ask, store_named
from tests.scenarios.test_large_documents import embedded
from tests.upstream import ScriptedUpstream, Step

PAGES = int(os.environ.get("SOAK_PAGES", "5000"))
MEGABYTES = int(os.environ.get("SOAK_MEGABYTES", "300"))
LONGEST_S = 120.0
LARGEST_MIB = 1024
UNDER_WAY = 8 * 64
"""Texts that as many runs as a worker has may have had embedded, and not yet kept, when it was killed."""

pytestmark = pytest.mark.soak


@pytest_asyncio.fixture(loop_scope="session")
async def deck(own_azurite: Azurite, upstream: ScriptedUpstream, tmp_path: Path) -> AsyncIterator[Deck]:
    upstream.steps.reset()
    upstream.journal.reset()
    async with running(
        tmp_path, own_azurite, upstream, {"FLIGHTDECK_TRACES": f"file://{tmp_path / 'spans'}"}
    ) as product:
        yield product


def peak_mib(pids: list[int]) -> float:
    """The most that any of the processes has ever held."""
    texts = [path.read_text() for pid in pids if (path := Path(f"/proc/{pid}/status")).exists()]
    peaks = [re.search(r"VmHWM:\s+(\d+) kB", text) for text in texts]
    return max((int(found[1]) / 1024 for found in peaks if found), default=0.0)


def longest_s(spans: Path) -> float:
    """Of the runs that queues started."""
    found = [json.loads(line) for line in spans.read_text().splitlines(keepends=True) if line.endswith("\n")]
    runs = [span for span in found if span.get("name", "").startswith("process document")]
    return max(_moment(span["end_time"]) - _moment(span["start_time"]) for span in runs)


def _moment(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


async def index(deck: Deck, source: Path, name: str) -> tuple[Any, dict[str, Any]]:
    """Drop the file, kill the worker half-way, and wait for the end: the file as its store shows it, and figures."""
    blobs = StorageBlobs(StorageAccount.parse(deck.storage))
    with source.open("rb") as content:
        await blobs.upload("documents", f"acme/{name}", content)
    await blobs.close()
    store = await store_named(deck, name.split("/")[0])
    client = deck.client().with_options(max_retries=8, timeout=60)

    async def look() -> Any:
        files = (await client.vector_stores.files.list(store.id)).data
        return files[0] if files else None

    half_way = await eventually(look, lambda file: file and _share(file) >= 0.5, timeout_s=3000)
    peak = peak_mib(deck.host.worker_pids)
    os.kill(deck.host.worker_pids[0], signal.SIGKILL)
    at_kill = len(embedded(deck))
    file = await eventually(look, lambda file: file.status != "in_progress", timeout_s=3000)
    peak = max(peak, peak_mib(deck.host.worker_pids))
    texts = embedded(deck)
    figures = {
        "parts": half_way.progress["parts"],
        "chunks": file.progress["chunks"],
        "embedded": len(texts),
        "embedded again": len(texts) - len(set(texts)),
        "embedded before the kill": at_kill,
        "peak MiB": round(peak),
        "seconds by stage": {stage: round(ms / 1000, 1) for stage, ms in file.progress["timings_ms"].items()},
    }
    return file, figures


def _share(file: Any) -> float:
    return file.progress["parts_done"] / file.progress["parts"] if file.progress["parts"] else 0.0


async def found_at(deck: Deck, store_id: str, word: str) -> Any:
    deck.upstream.script("chat", Step(text="It says so [doc1]."))
    answer = await ask(deck, store_id, f"Where is {word}?")
    return next(one for one in answer.choices[0].message.context["citations"] if word in one["content"])


def check(file: Any, figures: dict[str, Any], spans: Path) -> None:
    figures["longest run s"] = round(longest_s(spans), 1)
    print("\n" + json.dumps(figures))
    assert (file.status, file.last_error) == ("completed", None)
    assert figures["embedded again"] <= UNDER_WAY
    assert figures["peak MiB"] < LARGEST_MIB
    assert figures["longest run s"] < LONGEST_S


async def test_a_pdf_of_thousands_of_pages(deck: Deck, tmp_path: Path) -> None:
    source = tmp_path / "giant.pdf"
    write_pdf(source, PAGES)
    file, figures = await index(deck, source, "pages/giant.pdf")
    check(file, figures, tmp_path / "spans")
    for number in (0, PAGES // 3, PAGES - 1):
        cited = await found_at(deck, file.vector_store_id, marker(number))
        assert cited["page_start"] <= number + 1 <= cited["page_end"]
        assert cited["page_end"] - cited["page_start"] <= 1


async def test_a_text_of_hundreds_of_megabytes(deck: Deck, tmp_path: Path) -> None:
    source = tmp_path / "giant.txt"
    paragraphs = write_text(source, MEGABYTES * 10**6)
    file, figures = await index(deck, source, "text/giant.txt")
    check(file, figures, tmp_path / "spans")
    for number in (0, paragraphs // 2, paragraphs - 1):
        cited = await found_at(deck, file.vector_store_id, marker(number))
        with source.open() as content:
            content.seek(cited["char_start"])  # ASCII: a character is a byte
            assert content.read(cited["char_end"] - cited["char_start"]) == cited["content"]
