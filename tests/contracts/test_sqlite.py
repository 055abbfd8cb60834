"""What the embedded store adds to the contracts: one file for many processes, failures in our words, a fixed model."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from shared.adapters.sqlite import schema
from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.records import SqliteRecords
from shared.adapters.sqlite.transactions import rows
from shared.adapters.sqlite.usage import SqliteUsageLedger
from shared.errors import (
    ConflictError,
    NotFoundError,
    OverloadedError,
    PlatformError,
    PreconditionFailedError,
    RateLimitError,
)
from shared.ports.records import DocumentRecord, FileRecord
from tests.contracts.stores import AT, DIMENSIONS, X, chunk, event, file_record

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "flightdeck.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path, patience_s=30)
    yield database
    await database.close()


def open_chunks(database: SqliteDatabase) -> SqliteChunks:
    return SqliteChunks(database, dimensions=DIMENSIONS, embedding_model="test")


@contextmanager
def process(what: str, path: Path, argument: int) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", "tests.contracts.sqlite_process", what, str(path), str(argument)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def lines(running: "subprocess.Popen[str]", count: int) -> None:
    """Wait until it has said so many lines."""
    assert running.stdout is not None
    for _ in range(count):
        assert running.stdout.readline()


def to_the_end(running: "subprocess.Popen[str]") -> int:
    running.communicate()
    return running.returncode


class TestManyProcesses:
    async def test_totals_are_exact_when_four_record_the_same_events_and_one_is_killed(
        self, path: Path, database: SqliteDatabase
    ) -> None:
        count = 60
        with (
            process("record", path, count) as one,
            process("record", path, count) as two,
            process("record", path, count) as three,
            process("record", path, count) as victim,
        ):
            await asyncio.to_thread(lines, victim, count // 2)
            victim.send_signal(signal.SIGKILL)
            for running in (one, two, three):
                assert await asyncio.to_thread(to_the_end, running) == 0
            assert await asyncio.to_thread(to_the_end, victim) == -signal.SIGKILL
        ledger = SqliteUsageLedger(database)
        for width_s in (60, 3600, 86400):
            day = AT.replace(hour=0, minute=0, second=0, microsecond=0)
            (total,) = await ledger.totals("t", "completions", start=day, end=day + timedelta(days=1), width_s=width_s)
            assert (total.requests, total.input_tokens) == (count, sum(range(count)))

    async def test_a_reader_never_sees_two_generations_or_none_while_another_process_publishes(
        self, path: Path, database: SqliteDatabase
    ) -> None:
        chunks = open_chunks(database)
        seen = set[int]()
        with process("publish", path, 60) as publisher:
            await asyncio.to_thread(lines, publisher, 1)
            while publisher.poll() is None:
                found = await chunks.search("t", "s", vector=X, text="words", principals=(), limit=50)
                listed = await chunks.list("t", "s", "d")
                by_vector, by_text = ([hit for hit, _ in hits] for hits in (found.by_vector, found.by_text))
                assert sorted(hit.id for hit in by_vector) == sorted(hit.id for hit in by_text)
                for view in (by_vector, by_text, listed):
                    (generation,) = {hit.generation for hit in view}
                    assert sorted(hit.ordinal for hit in view) == [0, 1, 2]
                    seen.add(generation)
            assert await asyncio.to_thread(to_the_end, publisher) == 0
        assert len(seen) > 1

    async def test_many_that_open_a_new_file_at_once_all_succeed(self, path: Path) -> None:
        files = [SqliteRecords(SqliteDatabase(path, patience_s=30), FileRecord) for _ in range(8)]
        results = await asyncio.gather(*(one.create(file_record("f")) for one in files), return_exceptions=True)
        assert sum(isinstance(result, ConflictError) for result in results) == 7
        assert sum(isinstance(result, Exception) for result in results) == 7

    async def test_a_write_is_read_by_another_process_at_once(self, path: Path, database: SqliteDatabase) -> None:
        here = SqliteRecords(database, FileRecord)
        other = SqliteDatabase(path)
        there = SqliteRecords(other, FileRecord)
        for number in range(5):
            stored = await here.create(file_record(str(number)))
            assert await there.get("t", str(number)) == stored
        await other.close()


class TestThreads:
    async def test_a_reader_sees_each_document_once_among_concurrent_publishers(self, database: SqliteDatabase) -> None:
        chunks = open_chunks(database)

        async def publish_all(document: str) -> None:
            for generation in range(1, 13):
                one = chunk(f"{document}-{generation}", document_id=document, generation=generation)
                await chunks.put([one])
                assert await chunks.publish("t", "s", document, generation)
                await chunks.sweep("t", "s", document)

        async def watch() -> None:
            while not publishing.done():
                before = set(known)
                found = await chunks.search("t", "s", vector=X, text="words", principals=(), limit=50)
                for hits in (found.by_vector, found.by_text):
                    documents = [hit.document_id for hit, _ in hits]
                    assert sorted(documents) == sorted(set(documents))
                    assert before <= set(documents)
                known.update(hit.document_id for hit, _ in found.by_vector)

        known = set[str]()
        publishing = asyncio.gather(*(publish_all(document) for document in "abc"))
        await asyncio.gather(publishing, watch(), watch())
        assert known == {"a", "b", "c"}

    async def test_what_one_call_reads_comes_from_one_moment(self, database: SqliteDatabase) -> None:
        files = SqliteRecords(database, FileRecord)
        await files.create(file_record("a"))
        loop = asyncio.get_running_loop()

        def read_write_read(connection: apsw.Connection) -> tuple[int, int]:
            before = len(rows(connection, "SELECT id FROM records"))
            asyncio.run_coroutine_threadsafe(files.create(file_record("b")), loop).result()
            return before, len(rows(connection, "SELECT id FROM records"))

        assert await database.read(read_write_read) == (1, 1)
        assert len((await files.list("t")).items) == 2


class TestLookingUp:
    async def test_a_record_is_found_while_more_is_being_read_than_there_are_threads(
        self, database: SqliteDatabase
    ) -> None:
        files = SqliteRecords(database, FileRecord)
        stored = await files.create(file_record("f"))
        assert await files.get("t", "f") == stored
        held = threading.Event()
        reads = [asyncio.create_task(database.read(lambda _: held.wait())) for _ in range(64)]
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(60):
                assert await files.get("t", "f") == stored
        finally:
            held.set()
            await asyncio.gather(*reads)

    async def test_a_record_is_found_as_it_was_while_another_process_writes(
        self, path: Path, database: SqliteDatabase
    ) -> None:
        files = SqliteRecords(database, FileRecord)
        stored = await files.create(file_record("f"))
        assert await files.get("t", "f") == stored
        other = apsw.Connection(str(path))
        other.execute("BEGIN EXCLUSIVE")
        other.execute("DELETE FROM records")
        assert await files.get("t", "f") == stored
        other.execute("COMMIT")
        with pytest.raises(NotFoundError):
            await files.get("t", "f")
        other.close()


class TestWaiting:
    async def test_a_writer_that_waits_for_the_lock_does_not_hold_up_the_loop_that_frees_it(self, path: Path) -> None:
        database = SqliteDatabase(path, patience_s=2)
        files = SqliteRecords(database, FileRecord)
        await files.create(file_record("a"))
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(files.create(file_record("b")))
        for _ in range(20):
            await asyncio.to_thread(int)
        other.execute("COMMIT")
        assert (await waiting).value.id == "b"
        other.close()
        await database.close()


class TestTransactions:
    async def test_a_write_that_fails_half_way_leaves_nothing(self, database: SqliteDatabase) -> None:
        def write(connection: apsw.Connection) -> None:
            connection.execute("INSERT INTO records VALUES ('t', 'k', 'i', 'e', '{}')")
            raise KeyError("half way")

        with pytest.raises(KeyError, match="half way"):
            await database.write(write)
        assert await database.read(lambda connection: rows(connection, "SELECT * FROM records")) == []

    async def test_a_write_that_fails_takes_nothing_with_it_of_those_that_wait_beside_it(
        self, database: SqliteDatabase
    ) -> None:
        files = SqliteRecords(database, FileRecord)
        stored = await files.create(file_record("f"))
        held = threading.Event()
        first = asyncio.create_task(database.write(lambda _: held.wait()))
        await asyncio.sleep(0)
        before = asyncio.create_task(files.create(file_record("before")))
        stale = asyncio.create_task(files.replace(stored.value, if_match="stale"))
        after = asyncio.create_task(files.replace(stored.value, if_match=stored.etag))
        await asyncio.sleep(0)
        held.set()
        await asyncio.gather(first, before, after)
        with pytest.raises(PreconditionFailedError):
            await stale
        assert {one.value.id: one.etag for one in (await files.list("t")).items} == {
            "before": before.result().etag,
            "f": after.result().etag,
        }

    async def test_writes_that_wait_together_share_a_commit(self, path: Path, database: SqliteDatabase) -> None:
        files = SqliteRecords(database, FileRecord)
        await files.create(file_record("f"))
        watching = apsw.Connection(str(path))
        before = commits_seen(watching)
        held = threading.Event()
        first = asyncio.create_task(database.write(lambda _: held.wait()))
        await asyncio.sleep(0)
        others = [asyncio.create_task(files.create(file_record(str(number)))) for number in range(20)]
        await asyncio.sleep(0)
        held.set()
        await asyncio.gather(first, *others)
        assert before < commits_seen(watching) < before + len(others)
        watching.close()

    async def test_a_cancelled_caller_leaves_the_store_whole(self, database: SqliteDatabase) -> None:
        files = SqliteRecords(database, FileRecord)
        tasks = [asyncio.create_task(files.create(file_record(str(number)))) for number in range(8)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results[1::2]:
            assert not isinstance(result, BaseException)
            assert await files.get("t", result.value.id) == result


class TestOpening:
    async def test_nothing_is_opened_before_the_first_use(self, path: Path) -> None:
        database = SqliteDatabase(path)
        files = SqliteRecords(database, FileRecord)
        open_chunks(database)
        assert not path.parent.exists()
        await files.list("t")
        await database.close()
        assert [file.name for file in path.parent.iterdir()] == [path.name]

    def test_importing_the_adapters_loads_no_sqlite(self) -> None:
        code = (
            "import sys, shared.adapters.sqlite.records, shared.adapters.sqlite.chunks, shared.adapters.sqlite.usage;"
            "print(sorted(sys.modules.keys() & {'apsw', 'sqlite_vec', 'numpy'}))"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"

    async def test_what_was_written_is_there_after_closing_and_opening(self, path: Path) -> None:
        for attempt in range(2):
            database = SqliteDatabase(path)
            files, chunks = SqliteRecords(database, FileRecord), open_chunks(database)
            if attempt == 0:
                stored = await files.create(file_record("f"))
                await chunks.put([chunk("c")])
                await chunks.publish("t", "s", "d", 1)
            assert await files.get("t", "f") == stored
            assert [one.id for one in await chunks.list("t", "s", "d")] == ["c"]
            await database.close()
        assert [file.name for file in path.parent.iterdir()] == [path.name]

    async def test_a_closed_store_refuses_and_closing_twice_is_fine(self, path: Path) -> None:
        database = SqliteDatabase(path)
        files = SqliteRecords(database, FileRecord)
        await files.list("t")
        await database.close()
        await database.close()
        for call in (files.list("t"), files.create(file_record("f"))):
            with pytest.raises(OverloadedError, match="closed"):
                await call

    async def test_a_read_that_is_under_way_when_the_store_closes_is_finished(self, path: Path) -> None:
        database = SqliteDatabase(path)
        files = SqliteRecords(database, FileRecord)
        await files.create(file_record("f"))
        loop = asyncio.get_running_loop()

        def close_and_read(connection: apsw.Connection) -> int:
            asyncio.run_coroutine_threadsafe(database.close(), loop).result()
            return len(rows(connection, "SELECT * FROM records"))

        assert await database.read(close_and_read) == 1
        assert [file.name for file in path.parent.iterdir()] == [path.name]

    async def test_a_file_of_a_newer_program_is_refused(self, path: Path, database: SqliteDatabase) -> None:
        await database.write(lambda connection: connection.pragma("user_version", schema.VERSION + 1))
        newer = SqliteDatabase(path)
        with pytest.raises(PlatformError, match=f"version {schema.VERSION + 1}"):
            await SqliteRecords(newer, FileRecord).list("t")
        await newer.close()

    async def test_many_that_open_and_close_a_new_file_leave_one_file(self, path: Path) -> None:
        databases = [SqliteDatabase(path) for _ in range(6)]
        await asyncio.gather(*(SqliteRecords(database, FileRecord).list("t") for database in databases))
        await asyncio.gather(*(database.close() for database in databases))
        assert [file.name for file in path.parent.iterdir()] == [path.name]


class TestFailures:
    async def test_a_writer_that_another_process_keeps_waiting_is_told_when_to_come_back(self, path: Path) -> None:
        database = SqliteDatabase(path, patience_s=0.5)
        files = SqliteRecords(database, FileRecord)
        await files.list("t")
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RateLimitError, match="busy") as caught:
            await files.create(file_record("f"))
        assert caught.value.retry_after_s
        assert isinstance(caught.value.__cause__, apsw.BusyError)
        assert (await files.list("t")).items == ()
        other.close()
        await files.create(file_record("f"))
        await database.close()

    async def test_a_writer_that_a_thread_keeps_waiting_is_told_too(self, path: Path) -> None:
        database = SqliteDatabase(path, patience_s=0.01)
        files = SqliteRecords(database, FileRecord)
        loop = asyncio.get_running_loop()

        def write_inside(_: apsw.Connection) -> None:
            asyncio.run_coroutine_threadsafe(files.create(file_record("f")), loop).result()

        with pytest.raises(RateLimitError, match="busy"):
            await database.write(write_inside)
        await database.close()

    async def test_a_new_file_that_another_process_keeps_locked_is_busy(self, path: Path) -> None:
        path.parent.mkdir()
        other = apsw.Connection(str(path))
        other.execute("BEGIN EXCLUSIVE")
        database = SqliteDatabase(path, patience_s=0.03)
        with pytest.raises(RateLimitError):
            await SqliteRecords(database, FileRecord).list("t")
        other.close()
        await database.close()

    async def test_a_full_disk_is_a_lack_of_capacity_and_nothing_is_half_written(
        self, database: SqliteDatabase
    ) -> None:
        files = SqliteRecords(database, FileRecord)
        await database.write(lambda connection: connection.pragma("max_page_count", 1))
        with pytest.raises(OverloadedError, match="full") as caught:
            await files.create(file_record("f", filename="x" * 1_000_000))
        assert isinstance(caught.value.__cause__, apsw.FullError)
        assert (await files.list("t")).items == ()

    async def test_a_file_that_is_no_database_is_said_to_be_none(self, path: Path) -> None:
        letter(path)
        database = SqliteDatabase(path)
        with pytest.raises(PlatformError, match="no store of ours") as caught:
            await SqliteRecords(database, FileRecord).list("t")
        assert not isinstance(caught.value, OverloadedError)
        await database.close()

    @pytest.mark.parametrize("name", [".", "file/inside.db"])
    async def test_a_place_that_cannot_be_opened_is_a_lack_of_capacity(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").write_text("")
        database = SqliteDatabase(tmp_path / name)
        with pytest.raises(OverloadedError, match="cannot be opened"):
            await SqliteRecords(database, FileRecord).list("t")
        await database.close()


def commits_seen(connection: apsw.Connection) -> int:
    rows(connection, "SELECT 1 FROM records")
    return connection.data_version()


def letter(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("This is a letter to my aunt.\n" * 1000)


class TestText:
    async def test_words_are_found_by_their_stem(self, database: SqliteDatabase) -> None:
        chunks = open_chunks(database)
        await chunks.put([chunk("c", "The turbines were rotating.")])
        await chunks.publish("t", "s", "d", 1)
        found = await chunks.search("t", "s", vector=X, text="rotation of a turbine", principals=(), limit=1)
        assert len(found.by_text) == 1

    async def test_words_that_most_passages_hold_change_no_rank_and_are_found_alone(
        self, database: SqliteDatabase
    ) -> None:
        chunks = open_chunks(database)
        rare = {number: " blade" * (1 + number % 7) for number in range(0, 1200, 40)}
        await chunks.put([chunk(str(number), f"the words{rare.get(number, '')}") for number in range(1200)])
        await chunks.publish("t", "s", "d", 1)

        async def ask(text: str) -> list[str]:
            found = await chunks.search("t", "s", vector=X, text=text, principals=(), limit=20)
            return [hit.id for hit, _ in found.by_text]

        assert await ask("the blade of the words") == await ask("blade")
        assert len(await ask("the words")) == 20


class TestNothingIsLeftBehind:
    async def test_dropping_a_store_empties_every_table(self, database: SqliteDatabase) -> None:
        chunks = open_chunks(database)
        await chunks.put([chunk("a", acl=("x",)), chunk("b")])
        await chunks.publish("t", "s", "d", 1)
        await chunks.drop_store("t", "s")
        assert await counts(database) == {}

    async def test_sweeping_empties_all_but_the_names(self, database: SqliteDatabase) -> None:
        chunks = open_chunks(database)
        await chunks.put([chunk("a", acl=("x",)), chunk("b")])
        await chunks.retire("t", "s", "d", 2)
        await chunks.sweep("t", "s", "d")
        assert (await counts(database)).keys() == {"partitions", "documents", "acls", "acl_principals"}


async def counts(database: SqliteDatabase) -> dict[str, int]:
    """The rows of each table of chunks that has any."""
    tables = ["partitions", "documents", "generations", "chunks", "embeddings", "vectors", "acls", "acl_principals"]
    tables.append("passages_docsize")

    def work(connection: apsw.Connection) -> dict[str, int]:
        found = {table: rows(connection, f"SELECT count(*) FROM {table}")[0][0] for table in tables}
        return {table: count for table, count in found.items() if count}

    return await database.read(work)


async def test_an_event_is_kept_whole(database: SqliteDatabase) -> None:
    await SqliteUsageLedger(database).record(event("e", ttft_ms=None, key_id=None, estimated=True))
    sql = "SELECT id, tenant, key_id, deployment, status, estimated, ttft_ms, duration_ms, at_us FROM usage_events"
    (row,) = await database.read(lambda connection: rows(connection, sql))
    assert row == ("e", "t", "", "d", 200, 1, None, 40, 1772620215123456)


@pytest.mark.parametrize("after", [None, "vs_1:file-1"])
async def test_the_documents_of_a_file_are_found_without_reading_all(
    database: SqliteDatabase, after: str | None
) -> None:
    asked: list[tuple[str, Any]] = []

    def heard(_cursor: Any, sql: str, bindings: Any) -> bool:
        asked.append((sql, bindings))
        return True

    def listen(connection: apsw.Connection) -> None:
        connection.exec_trace = heard

    await database.read(listen)
    await SqliteRecords(database, DocumentRecord).list("t", where={"file_id": "file-1"}, order="asc", after=after)
    ((sql, bindings),) = [(sql, bindings) for sql, bindings in asked if "file_id" in sql]
    plan = await database.read(lambda connection: list(connection.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)))
    assert "USING INDEX records_by_file" in plan[0][3]
