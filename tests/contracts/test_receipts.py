"""What every `Receipts` adapter promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.adapters.cosmos.receipts import CosmosReceipts
from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.receipts import MemoryReceipts
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.receipts import SqliteReceipts
from shared.adapters.sqlite.transactions import rows
from shared.errors import TooLargeError
from shared.ports.receipts import MAX_ANSWER_BYTES, Receipt, Receipts
from tests.contracts.conftest import Cosmos
from tests.cosmos.worlds import STORES

HOUR_S = 3600
ANSWER = '{"id": "Übung \\u0000"}'


@dataclass(frozen=True)
class Place:
    """One adapter, and a way to let time pass for it."""

    receipts: Receipts
    advance: Callable[[float], None]

    async def claim(self, claim: str, *, tenant: str = "t", key: str = "k", fingerprint: str = "f") -> Receipt | None:
        return await self.receipts.claim(tenant, key, claim, fingerprint, ttl_s=HOUR_S)

    async def settle(self, claim: str, answer: str = ANSWER, *, status: int = 200, ttl_s: int = 24 * HOUR_S) -> None:
        await self.receipts.settle("t", "k", claim, answer, status=status, ttl_s=ttl_s)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest) -> Place:
    clock = ManualClock()
    if request.param == "memory":
        return Place(MemoryReceipts(clock), clock.advance)
    if request.param == "sqlite":
        return Place(SqliteReceipts(request.getfixturevalue("database"), clock), clock.advance)
    cosmos: Cosmos = request.getfixturevalue("cosmos")

    def advance(seconds: float) -> None:
        cosmos.fake.skew_s += seconds

    return Place(CosmosReceipts(cosmos.under(request.param)), advance)


async def test_a_key_is_had_once_and_tells_what_it_was_taken_for_and_what_was_answered(place: Place) -> None:
    assert await place.claim("1") is None
    assert await place.claim("2", fingerprint="g") == Receipt("f")
    await place.settle("2", "another's")
    await place.settle("1", status=202)
    assert await place.claim("3") == Receipt("f", ANSWER, 202)
    for other in ({"tenant": "u"}, {"key": "l"}):
        assert await place.claim("4", **other) is None


async def test_a_key_that_was_given_back_is_free_but_not_for_who_has_not_got_it(place: Place) -> None:
    await place.claim("1")
    await place.receipts.release("t", "k", "2")
    assert await place.claim("3") == Receipt("f")
    await place.receipts.release("t", "k", "1")
    assert await place.claim("4", fingerprint="g") is None
    await place.settle("1")
    assert await place.claim("5") == Receipt("g")


async def test_a_claim_is_over_with_its_time_and_an_answer_with_its_own(place: Place) -> None:
    await place.claim("1")
    place.advance(HOUR_S + 1)
    assert await place.claim("2") is None
    await place.settle("2")
    place.advance(23 * HOUR_S)
    assert await place.claim("3") == Receipt("f", ANSWER)
    place.advance(HOUR_S + 1)
    assert await place.claim("4") is None
    assert await place.claim("5") == Receipt("f")


async def test_of_many_that_want_a_key_one_gets_it(place: Place) -> None:
    claimed = await asyncio.gather(*(place.claim(str(number)) for number in range(6)))
    assert sorted(map(str, claimed)) == ["None", *[str(Receipt("f"))] * 5]


async def test_an_answer_that_is_too_large_is_refused_and_the_key_stays(place: Place) -> None:
    await place.claim("1")
    with pytest.raises(TooLargeError):
        await place.settle("1", "é" * (MAX_ANSWER_BYTES // 2 + 1))
    assert await place.claim("2") == Receipt("f")


async def test_what_has_expired_does_not_stay_in_the_file_for_ever(database: SqliteDatabase) -> None:
    clock = ManualClock()
    place = Place(SqliteReceipts(database, clock), clock.advance)
    await place.claim("1")
    clock.advance(HOUR_S)
    await place.claim("2", key="other")
    assert await database.read(lambda connection: rows(connection, "SELECT key FROM receipts")) == [("other",)]
