"""The embedded store with its vectors in memory keeps every promise about search, and is never behind the file."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.matrices import Matrices, Matrix
from shared.errors import OverloadedError
from shared.ports.filters import OneOf
from tests.contracts.stores import DIMENSIONS, X, chunk
from tests.contracts.test_chunk_filters import (
    filled,
    test_a_filter_finds_the_documents_that_it_holds_for,
    test_a_filter_narrows_the_documents_asked_for,
    test_a_filter_opens_nothing_that_the_caller_may_not_read,
    test_every_store_means_by_a_filter_what_the_port_says,
    test_the_attributes_of_the_generation_that_is_live_count,
    test_what_a_filter_leaves_out_does_not_use_up_the_limit,
)
from tests.contracts.test_chunk_search import TestAccess, TestDocuments, TestRecall, TestVectors
from tests.scenarios.deck import eventually

__all__ = [
    "TestAccess",
    "TestDocuments",
    "TestRecall",
    "TestVectors",
    "filled",
    "test_a_filter_finds_the_documents_that_it_holds_for",
    "test_a_filter_narrows_the_documents_asked_for",
    "test_a_filter_opens_nothing_that_the_caller_may_not_read",
    "test_every_store_means_by_a_filter_what_the_port_says",
    "test_the_attributes_of_the_generation_that_is_live_count",
    "test_what_a_filter_leaves_out_does_not_use_up_the_limit",
]


class Counted(Matrices):
    """Says how often a matrix was there."""

    given = 0
    refused = 0

    def get(self, connection: apsw.Connection, partition: int) -> Matrix | None:
        matrix = super().get(connection, partition)
        self.given += matrix is not None
        self.refused += matrix is None
        return matrix


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flightdeck.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path, patience_s=30)
    yield database
    await database.close()


@pytest.fixture
def dimensions() -> int:
    return DIMENSIONS


@pytest.fixture
def chunks(database: SqliteDatabase, dimensions: int) -> SqliteChunks:
    return kept(database, Matrices(dimensions=dimensions, smallest=0), dimensions)


def kept(database: SqliteDatabase, matrices: Matrices, dimensions: int = DIMENSIONS) -> SqliteChunks:
    return SqliteChunks(database, dimensions=dimensions, embedding_model="test", matrices=matrices)


async def near(chunks: SqliteChunks, store: str = "s", **changes: object) -> list[str]:
    asked: dict[str, object] = {"vector": X, "text": "", "principals": ("a",), "limit": 1000}
    found = await chunks.search("t", store, **asked | changes)  # type: ignore[arg-type]
    return sorted(hit.id for hit, _ in found.by_vector)


async def publish(chunks: SqliteChunks, document: str, generation: int, count: int, store: str = "s") -> list[str]:
    fields = {"document_id": document, "generation": generation, "store_id": store}
    names = [f"{document}-{generation}-{number}" for number in range(count)]
    await chunks.put([chunk(name, ordinal=place, **fields) for place, name in enumerate(names)])
    await chunks.publish("t", store, document, generation)
    return names


async def test_other_processes_see_every_change_at_once(path: Path, database: SqliteDatabase) -> None:
    """Random changes by one, read by another and by a third that looks now and then: always as a fresh one reads."""
    matrices = Counted(dimensions=DIMENSIONS, smallest=0)
    another = SqliteDatabase(path, patience_s=30)
    writer, reader = kept(another, Matrices(dimensions=DIMENSIONS)), kept(database, matrices)
    dice = random.Random(3)
    newest: dict[str, int] = {}
    for _ in range(150):
        document, count = f"d{dice.randrange(8)}", dice.randrange(1, 30)
        newest[document] = newest.get(document, 0) + 1
        match dice.choice(("publish", "publish", "retire", "sweep", "hidden", "drop")):
            case "publish":
                await publish(writer, document, newest[document], count)
            case "retire":
                await writer.retire("t", "s", document, newest[document])
            case "sweep":
                await writer.sweep("t", "s", document)
            case "hidden":
                await writer.put([chunk(f"hidden-{newest[document]}", document_id=document, generation=1000)])
            case _ if dice.random() < 0.2:
                await writer.drop_store("t", "s")
                newest.clear()
            case _:
                pass
        if dice.random() < 0.7:
            assert await near(reader) == await near(writer)
    assert matrices.given > 50
    await another.close()


async def test_a_chunk_that_is_written_again_is_read_again(chunks: SqliteChunks) -> None:
    await publish(chunks, "d", 1, 3)
    assert await near(chunks) == ["d-1-0", "d-1-1", "d-1-2"]
    await chunks.put([chunk("d-1-1", ordinal=1, acl=("b",))])
    assert await near(chunks) == ["d-1-0", "d-1-2"]
    assert await near(chunks, principals=("b",)) == ["d-1-0", "d-1-1", "d-1-2"]


async def test_a_reader_of_an_earlier_moment_gets_no_later_matrix(database: SqliteDatabase) -> None:
    matrices = Matrices(dimensions=DIMENSIONS, smallest=0)
    chunks = kept(database, matrices)
    await publish(chunks, "d", 1, 3)
    earlier = await database.read(lambda connection: matrices.get(connection, 1))
    assert earlier is not None
    await publish(chunks, "e", 1, 2)

    def late(connection: apsw.Connection) -> None:
        connection.execute("SELECT count(*) FROM chunks").fetchall()  # from here on it sees this moment
        with_old = matrices.get(connection, 1)
        assert with_old is not None
        assert with_old.rows == 5
        assert earlier.rows == 3

    await database.read(late)
    assert len(earlier.nearest(b"\0" * 16, 10, acls=[0], versions=None)) == 3


async def test_small_partitions_are_scanned(database: SqliteDatabase) -> None:
    matrices = Counted(dimensions=DIMENSIONS, smallest=4)
    chunks = kept(database, matrices)
    await publish(chunks, "d", 1, 3)
    assert len(await near(chunks)) == 3
    assert (matrices.given, matrices.refused) == (0, 1)
    await publish(chunks, "e", 1, 1)
    assert len(await near(chunks)) == 4
    assert matrices.given == 1


async def test_searches_go_on_by_scan_until_a_large_matrix_is_loaded(path: Path, database: SqliteDatabase) -> None:
    matrices = Counted(dimensions=DIMENSIONS, smallest=0, at_once=10)
    chunks, elsewhere = kept(database, matrices), SqliteDatabase(path, patience_s=30)
    await publish(kept(elsewhere, Matrices(dimensions=DIMENSIONS)), "d", 1, 60)
    assert len(await near(chunks)) == 60
    assert (matrices.given, matrices.refused) == (0, 1)
    await eventually(lambda: is_given(chunks, matrices, 60), bool)
    refused = matrices.refused
    await publish(kept(elsewhere, Matrices(dimensions=DIMENSIONS)), "e", 1, 10)
    assert len(await near(chunks)) == 70
    assert matrices.refused == refused
    await publish(kept(elsewhere, Matrices(dimensions=DIMENSIONS)), "d", 2, 11)
    assert len(await near(chunks)) == 21
    assert matrices.refused == refused + 1
    await eventually(lambda: is_given(chunks, matrices, 21), bool)
    await elsewhere.close()


async def is_given(chunks: SqliteChunks, matrices: Counted, count: int) -> bool:
    """Whether a search, which finds so many either way, had a matrix."""
    given = matrices.given
    assert len(await near(chunks)) == count
    return matrices.given > given


async def test_a_matrix_that_is_wanted_of_a_file_just_closed_is_not_loaded(database: SqliteDatabase) -> None:
    matrices = Counted(dimensions=DIMENSIONS, smallest=0, at_once=10)
    chunks = kept(database, matrices)
    await publish(chunks, "d", 1, 60)
    assert len(await near(chunks)) == 60
    await database.close()
    with pytest.raises(OverloadedError):
        await near(chunks)
    assert matrices.given == 0


async def test_what_is_over_the_budget_is_scanned_and_what_was_there_stays(database: SqliteDatabase) -> None:
    row = 4 * DIMENSIONS
    matrices = Counted(dimensions=DIMENSIONS, smallest=0, budget_bytes=100 * row)
    chunks = kept(database, matrices)
    await publish(chunks, "d", 1, 60)
    assert len(await near(chunks)) == 60
    assert matrices.given == 1
    await publish(chunks, "d", 1, 30, store="other")
    assert len(await near(chunks, store="other")) == 30
    assert len(await near(chunks, store="other")) == 30
    assert (matrices.given, matrices.refused) == (1, 2)
    assert len(await near(chunks)) == 60
    assert matrices.given == 2
    await publish(chunks, "e", 1, 40)
    assert len(await near(chunks)) == 100
    assert (matrices.given, matrices.refused) == (2, 3)


async def test_filters_and_documents_narrow_a_matrix_that_is_there(chunks: SqliteChunks) -> None:
    for number in range(10):
        one = chunk(f"c{number}", document_id=f"d{number}", attributes={"n": float(number % 2)})
        await chunks.put([one])
        await chunks.publish("t", "s", f"d{number}", 1)
    assert len(await near(chunks)) == 10
    assert await near(chunks, document_ids=["d3", "d4"], filters=OneOf("n", (1,))) == ["c3"]
    assert await near(chunks, document_ids=[]) == []
