"""What every adapter of sized records promises of the sum that it keeps."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from shared.adapters.cosmos.records import CosmosRecords
from shared.adapters.cosmos.sizes import CosmosSizedRecords, CosmosStoredBytes
from shared.adapters.memory.sizes import MemorySizedRecords, MemoryStoredBytes
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.sizes import SqliteSizedRecords, SqliteStoredBytes
from shared.errors import ConflictError, NotFoundError, PreconditionFailedError, QuotaError
from shared.ports.records import FileRecord, UploadPartRecord
from shared.ports.sizes import SizedRecords, StoredBytes
from tests.contracts.conftest import Cosmos
from tests.contracts.stores import AT, file_record
from tests.cosmos.worlds import STORES


@dataclass(frozen=True)
class Store:
    files: SizedRecords[FileRecord]
    parts: SizedRecords[UploadPartRecord]
    stored: StoredBytes


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        stored = MemoryStoredBytes()
        return Store(MemorySizedRecords(FileRecord, stored), MemorySizedRecords(UploadPartRecord, stored), stored)
    if request.param == "sqlite":
        database = request.getfixturevalue("database")
        files, parts = SqliteSizedRecords(database, FileRecord), SqliteSizedRecords(database, UploadPartRecord)
        return Store(files, parts, SqliteStoredBytes(database))
    account = request.getfixturevalue("cosmos").under(request.param)
    files, parts = CosmosSizedRecords(account, FileRecord), CosmosSizedRecords(account, UploadPartRecord)
    return Store(files, parts, CosmosStoredBytes(account))


async def test_the_sum_follows_every_write_of_either_type(store: Store) -> None:
    assert await store.stored.used("t") == 0
    file = await store.files.create(file_record("f", size_bytes=100))
    await store.parts.create(UploadPartRecord("p", "t", "u", 2**40, 64, AT))
    assert await store.stored.used("t") == 100 + 2**40
    await store.files.replace(replace(file.value, size_bytes=30), if_match=file.etag)
    assert await store.stored.used("t") == 30 + 2**40
    await store.parts.delete("t", "p")
    await store.files.delete("t", "f")
    assert await store.stored.used("t") == 0


async def test_a_write_that_is_refused_leaves_the_sum_alone(store: Store) -> None:
    file = await store.files.create(file_record("f", size_bytes=100))
    with pytest.raises(ConflictError):
        await store.files.create(file_record("f", size_bytes=7))
    with pytest.raises(PreconditionFailedError):
        await store.files.replace(replace(file.value, size_bytes=7), if_match="old")
    with pytest.raises(PreconditionFailedError):
        await store.files.delete("t", "f", if_match="old")
    with pytest.raises(NotFoundError):
        await store.files.delete("t", "nowhere")
    assert await store.stored.used("t") == 100


async def test_a_quota_holds_to_the_byte_and_says_what_is_left(store: Store) -> None:
    await store.files.create(file_record("a", size_bytes=60), most_bytes=100)
    await store.files.create(file_record("b", size_bytes=40), most_bytes=100)
    with pytest.raises(QuotaError, match="100 of 100 bytes are used, and this takes 1 more"):
        await store.files.create(file_record("c", size_bytes=1), most_bytes=100)
    with pytest.raises(NotFoundError):
        await store.files.get("t", "c")
    await store.files.delete("t", "a")
    await store.files.create(file_record("c", size_bytes=60), most_bytes=100)
    assert await store.stored.used("t") == 100


async def test_writers_at_once_share_a_quota_and_never_pass_it(store: Store) -> None:
    records = [file_record(f"f{number}", size_bytes=30) for number in range(8)]
    asked = (store.files.create(record, most_bytes=100) for record in records)
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in outcomes if isinstance(one, BaseException)] == [QuotaError] * 5
    assert await store.stored.used("t") == 90


async def test_tenants_have_sums_of_their_own(store: Store) -> None:
    await store.files.create(file_record("f", size_bytes=100))
    await store.files.create(file_record("f", tenant="other", size_bytes=5), most_bytes=5)
    assert (await store.stored.used("t"), await store.stored.used("other")) == (100, 5)


async def test_cosmos_sums_what_was_written_before_there_were_sums(cosmos: Cosmos) -> None:
    before = CosmosRecords(cosmos.account, FileRecord)
    for number in range(5):
        await before.create(file_record(f"f{number}", size_bytes=10))
    files, stored = CosmosSizedRecords(cosmos.account, FileRecord), CosmosStoredBytes(cosmos.account)
    assert await stored.used("t") == 50
    with pytest.raises(QuotaError, match="50 of 55"):
        await files.create(file_record("g", size_bytes=10), most_bytes=55)
    await files.delete("t", "f0")
    assert await stored.used("t") == 40
