"""What every `AnswerCache` adapter promises."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.adapters.cosmos.answers import CosmosAnswerCache
from shared.adapters.memory.cache import MemoryAnswerCache
from shared.adapters.memory.clock import ManualClock
from shared.adapters.sqlite.answers import SqliteAnswerCache
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import rows
from shared.errors import TooLargeError
from shared.ports.cache import AnswerCache
from shared.ports.records import MAX_RECORD_BYTES
from tests.contracts.conftest import Cosmos
from tests.cosmos.worlds import STORES

HOUR_S = 3600
ANSWER = '{"choices": [{"text": "Übung \\ud83d \\u0000", "p": 0.10000000000000001}]}'.encode()


@dataclass(frozen=True)
class Place:
    """One adapter, and a way to let time pass for it."""

    cache: AnswerCache
    advance: Callable[[float], None]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest) -> Place:
    clock = ManualClock()
    if request.param == "memory":
        return Place(MemoryAnswerCache(clock), clock.advance)
    if request.param == "sqlite":
        return Place(SqliteAnswerCache(request.getfixturevalue("database"), clock), clock.advance)
    cosmos: Cosmos = request.getfixturevalue("cosmos")

    def advance(seconds: float) -> None:
        cosmos.fake.skew_s += seconds

    return Place(CosmosAnswerCache(cosmos.under(request.param)), advance)


@pytest.fixture
def cache(place: Place) -> AnswerCache:
    return place.cache


async def test_an_answer_comes_back_byte_for_byte_and_no_other_does(cache: AnswerCache) -> None:
    await cache.put("t", "s", "a", ANSWER, ttl_s=HOUR_S)
    assert await cache.get("t", "s", "a") == ANSWER
    assert await cache.get("t", "s", "b") is None


async def test_the_last_answer_of_a_key_counts_and_its_time_with_it(place: Place) -> None:
    await place.cache.put("t", "s", "a", b'"old"', ttl_s=HOUR_S)
    await place.cache.put("t", "s", "a", b'"new"', ttl_s=3 * HOUR_S)
    place.advance(2 * HOUR_S)
    assert await place.cache.get("t", "s", "a") == b'"new"'


async def test_an_answer_is_gone_when_its_time_is_over(place: Place) -> None:
    await place.cache.put("t", "s", "a", ANSWER, ttl_s=HOUR_S)
    place.advance(HOUR_S + 1)
    assert await place.cache.get("t", "s", "a") is None


@pytest.mark.parametrize(("tenant", "space"), [("u", "s"), ("t", "r"), ("t|s", ""), ("", "t|s")])
async def test_neither_another_tenant_nor_another_space_sees_it(cache: AnswerCache, tenant: str, space: str) -> None:
    await cache.put("t", "s", "a", ANSWER, ttl_s=HOUR_S)
    assert await cache.get(tenant, space, "a") is None


async def test_an_answer_over_the_size_of_a_record_is_refused(cache: AnswerCache) -> None:
    with pytest.raises(TooLargeError):
        await cache.put("t", "s", "a", b'"' + b"x" * MAX_RECORD_BYTES + b'"', ttl_s=HOUR_S)
    assert await cache.get("t", "s", "a") is None


async def test_what_has_expired_does_not_stay_in_the_file_for_ever(database: SqliteDatabase) -> None:
    clock = ManualClock()
    cache = SqliteAnswerCache(database, clock)
    await cache.put("t", "s", "a", ANSWER, ttl_s=HOUR_S)
    clock.advance(HOUR_S)
    await cache.put("t", "s", "b", ANSWER, ttl_s=HOUR_S)
    assert await database.read(lambda connection: rows(connection, "SELECT id FROM cached_answers")) == [("b",)]


async def test_an_answer_of_cosmos_is_one_point_read_and_one_write(cosmos: Cosmos) -> None:
    cache = CosmosAnswerCache(cosmos.under("cosmos calm"))
    await cache.put("t", "s", "a", ANSWER, ttl_s=HOUR_S)
    await cache.get("t", "s", "a")
    assert [(entry.kind, entry.partition) for entry in cosmos.fake.journal.entries] == [
        ("batch", ["t|answers|s"]),
        ("read", ["t|answers|s"]),
    ]
