"""A file that an older program made, read and written by the present one."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from shared.adapters.sqlite import schema
from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.keys import SqliteKeyIndex
from shared.adapters.sqlite.records import SqliteRecords
from shared.adapters.sqlite.sizes import SqliteStoredBytes
from shared.adapters.sqlite.transactions import rows, transaction
from shared.adapters.sqlite.usage import SqliteUsageLedger
from shared.errors import PlatformError
from shared.ports.keys import KeyPlace
from shared.ports.records import DocumentRecord, FileRecord
from tests.contracts.stores import AT, DIMENSIONS, X, file_record

FIRST = Path(__file__).parent / "data" / "sqlite-1.db.gz"
"""Written by the program of 21 November 2026, whose tables had version 1: records, chunks and a usage event."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "flightdeck.db"
    path.write_bytes(gzip.decompress(FIRST.read_bytes()))
    return path


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path, patience_s=30)
    yield database
    await database.close()


def tables(connection: apsw.Connection) -> set[tuple[str, ...]]:
    return set(rows(connection, "SELECT name, sql FROM sqlite_schema"))


def take_a_note(connection: apsw.Connection) -> None:
    connection.execute("INSERT INTO notes VALUES ('from a function')")


def version(path: Path) -> int:
    connection = apsw.Connection(str(path))
    try:
        return connection.pragma("user_version")
    finally:
        connection.close()


def test_the_committed_file_is_one_of_version_1(path: Path) -> None:
    assert version(path) == 1


async def test_an_older_file_gets_the_tables_of_a_new_one(path: Path, database: SqliteDatabase, tmp_path: Path) -> None:
    new = SqliteDatabase(tmp_path / "new.db")
    assert await database.read(tables) == await new.read(tables)
    assert version(path) == version(new.path) == schema.VERSION
    await new.close()


async def test_what_an_older_file_holds_is_all_there(database: SqliteDatabase) -> None:
    file = await SqliteRecords(database, FileRecord).get("t", "file-1")
    document = await SqliteRecords(database, DocumentRecord).get("t", "vs_1:file-1")
    assert (file.value.filename, document.value.generation) == ("press manual.pdf", 3)
    chunks = SqliteChunks(database, dimensions=DIMENSIONS, embedding_model="test")
    found = await chunks.search("t", "s", vector=X, text="button", principals=(), limit=5)
    assert [[hit.id for hit, _ in hits] for hits in (found.by_vector, found.by_text)] == [["c1"], ["c1"]]
    assert [one.id for one in await chunks.list("t", "s", "d")] == ["c1", "c2"]
    day = AT.replace(hour=0, minute=0, second=0, microsecond=0)
    ledger = SqliteUsageLedger(database)
    (total,) = await ledger.totals("t", "completions", start=day, end=day + timedelta(days=1), width_s=86400)
    assert (total.requests, total.input_tokens, total.cost_microusd) == (1, 7, 11)


async def test_an_older_file_can_be_written(database: SqliteDatabase) -> None:
    files = SqliteRecords(database, FileRecord)
    old = await files.get("t", "file-1")
    assert await files.replace(old.value, if_match=old.etag) == await files.get("t", "file-1")
    await files.create(file_record("file-2"))
    assert len((await files.list("t")).items) == 2
    assert await SqliteStoredBytes(database).used("t") == old.value.size_bytes + 1
    await SqliteKeyIndex(database).put("hmac", KeyPlace("t", "key"))
    assert await SqliteKeyIndex(database).find("hmac") == KeyPlace("t", "key")


async def test_many_that_open_an_older_file_at_once_all_succeed(path: Path) -> None:
    databases = [SqliteDatabase(path, patience_s=30) for _ in range(6)]
    pages = await asyncio.gather(*(SqliteRecords(one, FileRecord).list("t") for one in databases))
    assert [len(page.items) for page in pages] == [1] * 6
    await asyncio.gather(*(one.close() for one in databases))


class TestSteps:
    def test_those_that_a_file_lacks_are_taken_in_order(self, path: Path) -> None:
        connection = apsw.Connection(str(path))
        steps: tuple[schema.Step, ...] = (
            "CREATE TABLE records (never TEXT)",
            "CREATE TABLE notes (note TEXT)",
            take_a_note,
        )
        with transaction(connection, "IMMEDIATE"):
            schema.prepare(connection, path, steps)
        assert rows(connection, "SELECT note FROM notes") == [("from a function",)]
        assert connection.pragma("user_version") == 3

    def test_one_that_fails_leaves_the_file_as_it_was(self, path: Path) -> None:
        connection = apsw.Connection(str(path))
        before = tables(connection)
        steps = ("", "CREATE TABLE notes (note TEXT)", "CREATE TABLE records (taken TEXT)")
        with pytest.raises(apsw.SQLError), transaction(connection, "IMMEDIATE"):
            schema.prepare(connection, path, steps)
        assert tables(connection) == before
        assert connection.pragma("user_version") == 1

    def test_a_newer_file_is_refused_with_both_versions(self, path: Path) -> None:
        connection = apsw.Connection(str(path))
        connection.pragma("user_version", 3)
        with pytest.raises(PlatformError, match=r"version 3 of its tables; this program knows 2\. Start the newer"):
            schema.prepare(connection, path, ("", ""))
