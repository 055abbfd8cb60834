"""What every `EmbeddingCache` adapter promises."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from shared.adapters.cosmos.cache import CosmosEmbeddingCache
from shared.adapters.memory.cache import MemoryEmbeddingCache
from shared.adapters.memory.clock import ManualClock
from shared.adapters.sqlite.cache import SqliteEmbeddingCache
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import rows
from shared.ports.cache import EmbeddingCache
from tests.contracts.conftest import Cosmos
from tests.contracts.stores import X, Y, Z
from tests.cosmos.worlds import STORES

HOUR_S = 3600


class Caches:
    """One adapter, and a way to let time pass for it."""

    def __init__(self, cache: EmbeddingCache, advance: Callable[[float], None]) -> None:
        self.cache = cache
        self.advance = advance


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=STORES)
def caches(request: pytest.FixtureRequest) -> Caches:
    clock = ManualClock()
    if request.param == "memory":
        return Caches(MemoryEmbeddingCache(clock), clock.advance)
    if request.param == "sqlite":
        return Caches(SqliteEmbeddingCache(request.getfixturevalue("database"), clock), clock.advance)
    cosmos: Cosmos = request.getfixturevalue("cosmos")

    def advance(seconds: float) -> None:
        cosmos.fake.skew_s += seconds

    return Caches(CosmosEmbeddingCache(cosmos.under(request.param)), advance)


@pytest.fixture
def cache(caches: Caches) -> EmbeddingCache:
    return caches.cache


async def test_what_was_put_comes_back_in_32_bits_and_nothing_else_does(cache: EmbeddingCache) -> None:
    third = 0.3333333432674408  # the nearest number of 32 bits to a third
    await cache.put("t", "s", {"a": (1 / 3, -1.0), "b": Y}, ttl_s=HOUR_S)
    assert await cache.get("t", "s", ["a", "c"]) == {"a": (third, -1.0)}


async def test_nothing_asked_is_nothing_found(cache: EmbeddingCache) -> None:
    assert await cache.get("t", "s", []) == {}


async def test_putting_again_is_fine_and_keeps_it_longer(caches: Caches) -> None:
    await caches.cache.put("t", "s", {"a": X}, ttl_s=HOUR_S)
    caches.advance(HOUR_S - 60)
    await caches.cache.put("t", "s", {"a": X}, ttl_s=HOUR_S)
    caches.advance(HOUR_S - 60)
    assert await caches.cache.get("t", "s", ["a"]) == {"a": X}


async def test_an_entry_is_gone_when_its_time_is_over(caches: Caches) -> None:
    await caches.cache.put("t", "s", {"a": X}, ttl_s=HOUR_S)
    await caches.cache.put("t", "s", {"b": Y}, ttl_s=3 * HOUR_S)
    caches.advance(2 * HOUR_S)
    assert await caches.cache.get("t", "s", ["a", "b"]) == {"b": Y}


@pytest.mark.parametrize(("tenant", "space"), [("u", "s"), ("t", "r"), ("t|s", ""), ("", "t|s")])
async def test_neither_another_tenant_nor_another_space_sees_it(cache: EmbeddingCache, tenant: str, space: str) -> None:
    await cache.put("t", "s", {"a": X}, ttl_s=HOUR_S)
    await cache.put(tenant, space, {"b": Y}, ttl_s=HOUR_S)
    assert await cache.get(tenant, space, ["a", "b"]) == {"b": Y}
    assert await cache.get("t", "s", ["a", "b"]) == {"a": X}


async def test_ids_may_hold_any_characters(cache: EmbeddingCache) -> None:
    ids = ["a/b", "a?b", "a#b", "ü", "'; --"]
    await cache.put("t", "s", dict.fromkeys(ids, Z), ttl_s=HOUR_S)
    assert await cache.get("t", "s", ids) == dict.fromkeys(ids, Z)


async def test_more_at_once_than_one_batch_or_one_query_takes(cache: EmbeddingCache) -> None:
    vectors = {f"id{number}": (float(number), 0.0) for number in range(520)}
    await cache.put("t", "s", vectors, ttl_s=HOUR_S)
    assert await cache.get("t", "s", [*vectors, "unknown"]) == vectors


async def test_what_has_expired_does_not_stay_in_the_file_for_ever(database: SqliteDatabase) -> None:
    clock = ManualClock()
    cache = SqliteEmbeddingCache(database, clock)
    await cache.put("t", "s", {"a": X, "b": X}, ttl_s=HOUR_S)
    clock.advance(HOUR_S)
    await cache.put("t", "s", {"c": Y}, ttl_s=HOUR_S)
    assert await database.read(lambda connection: rows(connection, "SELECT id FROM cached_embeddings")) == [("c",)]
