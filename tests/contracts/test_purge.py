"""What every adapter promises of taking away all that a tenant has in it, some at a time."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.cosmos.answers import CosmosAnswerCache
from shared.adapters.cosmos.cache import CosmosEmbeddingCache
from shared.adapters.cosmos.purge import CosmosTenantData
from shared.adapters.cosmos.sizes import CosmosSizedRecords, CosmosStoredBytes
from shared.adapters.memory.cache import MemoryAnswerCache, MemoryEmbeddingCache
from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.purge import MemoryTenantData
from shared.adapters.memory.sizes import MemorySizedRecords, MemoryStoredBytes
from shared.adapters.sqlite.answers import SqliteAnswerCache
from shared.adapters.sqlite.cache import SqliteEmbeddingCache
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.purge import SqliteTenantData
from shared.adapters.sqlite.sizes import SqliteSizedRecords, SqliteStoredBytes
from shared.ports.cache import AnswerCache, EmbeddingCache
from shared.ports.erasure import TenantData
from shared.ports.records import FileRecord
from shared.ports.sizes import SizedRecords, StoredBytes
from tests.contracts.stores import X, file_record
from tests.cosmos.worlds import STORES


class Store:
    files: SizedRecords[FileRecord]
    stored: StoredBytes
    data: TenantData
    embeddings: EmbeddingCache
    answers: AnswerCache

    def __init__(self, request: pytest.FixtureRequest) -> None:
        clock = ManualClock()
        if request.param == "memory":
            stored = MemoryStoredBytes()
            files = MemorySizedRecords(FileRecord, stored)
            self.files, self.stored, self.data = files, stored, MemoryTenantData([files.rows], stored)
            self.embeddings, self.answers = MemoryEmbeddingCache(clock), MemoryAnswerCache(clock)
        elif request.param == "sqlite":
            database = request.getfixturevalue("database")
            self.files, self.stored = SqliteSizedRecords(database, FileRecord), SqliteStoredBytes(database)
            self.data = SqliteTenantData(database)
            self.embeddings, self.answers = SqliteEmbeddingCache(database, clock), SqliteAnswerCache(database, clock)
        else:
            account = request.getfixturevalue("cosmos").under(request.param)
            self.files, self.stored = CosmosSizedRecords(account, FileRecord), CosmosStoredBytes(account)
            self.data = CosmosTenantData(account)
            self.embeddings, self.answers = CosmosEmbeddingCache(account), CosmosAnswerCache(account)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return Store(request)


async def emptied(take: Callable[[], Any]) -> int:
    """How many turns it took until nothing was left."""
    for turn in range(20):
        if not await take():
            return turn
    raise AssertionError("there is always more")


async def test_a_tenants_records_go_some_at_a_time_and_nobody_elses(store: Store) -> None:
    for number in range(5):
        await store.files.create(file_record(f"f{number}", size_bytes=10))
    await store.files.create(file_record("f0", tenant="other", size_bytes=10))
    assert await emptied(lambda: store.data.purge("t", limit=2)) >= 3
    assert (await store.files.list("t")).items == ()
    assert len((await store.files.list("other")).items) == 1
    assert await store.stored.used("other") == 10


async def test_a_purged_tenants_sum_begins_anew(store: Store) -> None:
    await store.files.create(file_record("f", size_bytes=10))
    await emptied(lambda: store.data.purge("t", limit=100))
    assert await store.stored.used("t") == 0
    await store.files.create(file_record("f", size_bytes=3))
    assert await store.stored.used("t") == 3


async def test_a_cache_forgets_one_space_of_one_tenant(store: Store) -> None:
    for number in range(5):
        await store.embeddings.put("t", "s", {f"e{number}": X}, ttl_s=3600)
    await store.embeddings.put("other", "s", {"e": X}, ttl_s=3600)
    await store.embeddings.put("t", "r", {"e": X}, ttl_s=3600)
    assert await emptied(lambda: store.embeddings.forget("t", "s", limit=2)) >= 3
    assert await store.embeddings.get("t", "s", ["e0", "e4"]) == {}
    assert await store.embeddings.get("other", "s", ["e"]) == await store.embeddings.get("t", "r", ["e"]) != {}


async def test_answers_are_forgotten_likewise(store: Store) -> None:
    for tenant in ("t", "other"):
        await store.answers.put(tenant, "s", "k", b'"answer"', ttl_s=3600)
    assert await emptied(lambda: store.answers.forget("t", "s", limit=2)) >= 1
    assert await store.answers.get("t", "s", "k") is None
    assert await store.answers.get("other", "s", "k") == b'"answer"'
