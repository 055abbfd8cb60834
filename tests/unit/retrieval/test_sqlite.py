"""The same over the embedded store, and with the real extractor."""

import random
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.records import SqliteRecords
from shared.adapters.sqlite.sizes import SqliteSizedRecords
from shared.ports.records import DocumentRecord, FileRecord, FolderRecord, VectorStoreRecord
from shared.retrieval.extraction.extractor import Extractor
from tests.unit.retrieval.test_interleavings import NAME, Stormy, assert_same_as_a_clean_run, content_of
from tests.unit.retrieval.world import CALLER, DIMENSIONS, TENANT, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    database = SqliteDatabase(tmp_path / "store.db")
    stores = SqliteRecords(database, VectorStoreRecord)
    await stores.list(TENANT)
    yield World(
        chunks=SqliteChunks(database, dimensions=DIMENSIONS, embedding_model="words"),
        stores=stores,
        folders=SqliteRecords(database, FolderRecord),
        files=SqliteSizedRecords(database, FileRecord),
        documents=SqliteRecords(database, DocumentRecord),
    )
    await database.close()


@pytest.mark.parametrize("seed", range(3))
async def test_crashes_and_duplicates_end_like_a_clean_run_over_sqlite(world: World, seed: int) -> None:
    rng = random.Random(seed)
    storm = Stormy(world, rng)
    for version in range(6):
        await world.drop(NAME, content_of(version))
        await storm.deliver_some()
        if rng.random() < 0.3:
            await world.remove(NAME)
        world.clock.advance(rng.randrange(60))
        await storm.deliver_some()
    await world.drop(NAME, content_of(9))
    await storm.calm()
    await assert_same_as_a_clean_run(world, content_of(9))


async def test_a_real_markdown_file_is_extracted_indexed_and_found_by_its_heading(world: World) -> None:
    extractor = Extractor()
    world.reader = extractor
    world.__post_init__()
    text = "# Handbook\n\nWelcome.\n\n## Parental leave\n\nTwelve weeks, fully paid.\n"
    await world.drop("acme/kb/handbook.md", text)
    try:
        await world.settle()
    finally:
        await extractor.close()
    document = await world.only_document()
    assert document.state == "ready", document.last_error
    found = await world.services.searcher.search(
        CALLER, [document.store_id], "How long is parental leave?", limit=3, strictness=3
    )
    assert "Twelve weeks" in found[0].text
    assert text[found[0].char_start : found[0].char_end] == found[0].text


async def test_a_real_file_that_is_no_document_says_so(world: World) -> None:
    extractor = Extractor()
    world.reader = extractor
    world.__post_init__()
    await world.drop("acme/kb/photo.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    await world.drop("acme/kb/empty.txt", b"")
    try:
        await world.settle()
    finally:
        await extractor.close()
    found = (await world.documents.list(TENANT)).items
    failures = {stored.value.filename: stored.value for stored in found}
    assert (failures["photo.png"].state, failures["empty.txt"].state) == ("needs_ocr", "empty")
    assert failures["photo.png"].last_error is not None
    assert "PNG" in failures["photo.png"].last_error.message
