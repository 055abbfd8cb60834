"""What every `KeyIndex` promises. The records of the keys are in test_records.py."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.adapters.cosmos.keys import CosmosKeyIndex
from shared.adapters.memory.keys import MemoryKeyIndex
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.keys import SqliteKeyIndex
from shared.errors import ConflictError, NotFoundError
from shared.ports.keys import KeyIndex, KeyPlace
from tests.contracts.conftest import Cosmos
from tests.cosmos.worlds import STORES

HMAC, OTHER = (hashlib.sha256(text).hexdigest() for text in (b"one", b"other"))
PLACE = KeyPlace("acme", "key_1")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=STORES)
def index(request: pytest.FixtureRequest) -> KeyIndex:
    if request.param == "memory":
        return MemoryKeyIndex()
    if request.param.startswith("cosmos"):
        return CosmosKeyIndex(request.getfixturevalue("cosmos").under(request.param))
    return SqliteKeyIndex(request.getfixturevalue("database"))


async def test_a_key_is_found_where_it_was_put_and_no_other_is(index: KeyIndex) -> None:
    await index.put(HMAC, PLACE)
    assert await index.find(HMAC) == PLACE
    with pytest.raises(NotFoundError):
        await index.find(OTHER)


async def test_what_was_removed_is_not_found_and_may_be_removed_again(index: KeyIndex) -> None:
    await index.put(HMAC, PLACE)
    await index.put(OTHER, KeyPlace("acme", "key_2"))
    await index.remove(HMAC)
    await index.remove(HMAC)
    with pytest.raises(NotFoundError):
        await index.find(HMAC)
    assert await index.find(OTHER) == KeyPlace("acme", "key_2")


async def test_the_same_may_be_put_again_and_another_key_is_refused(index: KeyIndex) -> None:
    await index.put(HMAC, PLACE)
    await index.put(HMAC, PLACE)
    for place in (KeyPlace("acme", "key_2"), KeyPlace("other", "key_1")):
        with pytest.raises(ConflictError):
            await index.put(HMAC, place)
    assert await index.find(HMAC) == PLACE


async def test_of_many_that_want_one_place_one_gets_it(index: KeyIndex) -> None:
    puts = [index.put(HMAC, KeyPlace("acme", f"key_{number}")) for number in range(6)]
    refused = [one for one in await asyncio.gather(*puts, return_exceptions=True) if one is not None]
    assert [type(one) for one in refused] == [ConflictError] * 5


async def test_each_request_stays_in_the_partition_of_its_hmac(cosmos: Cosmos) -> None:
    index = CosmosKeyIndex(cosmos.under("cosmos calm"))
    await index.put(HMAC, PLACE)
    cosmos.fake.journal.clear()
    await index.find(HMAC)
    await index.remove(HMAC)
    assert [(entry.kind, entry.partition) for entry in cosmos.fake.journal.entries] == [
        ("read", [HMAC]),
        ("batch", [HMAC]),
    ]
    assert cosmos.fake.containers["api_keys"].partitions.get(HMAC, {}) == {}
