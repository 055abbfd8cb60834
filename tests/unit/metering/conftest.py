"""What the tests of metering share."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.usage import SqliteUsageLedger
from shared.adapters.storage.auth import StorageAccount
from shared.adapters.storage.blobs import StorageBlobs
from shared.ports.usage import Attempt, UsageEvent
from tests.contracts import azurite
from tests.unit.metering.room import Room

NOON = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


class HandClock:
    def __init__(self) -> None:
        self.time = NOON
        self.ids = 0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def new_id(self, prefix: str) -> str:
        self.ids += 1
        return f"{prefix}{self.ids}"

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteUsageLedger]:
    database = SqliteDatabase(tmp_path / "store.db")
    yield SqliteUsageLedger(database)
    await database.close()


@pytest.fixture(scope="package")
def storage_connection() -> Iterator[str]:
    with azurite.running() as connection:
        yield connection


@pytest.fixture
async def shelf(storage_connection: str) -> AsyncIterator[StorageBlobs]:
    blobs = StorageBlobs(StorageAccount.parse(storage_connection))
    yield blobs
    await blobs.close()


def attempt(**changes: object) -> Attempt:
    fields: dict[str, object] = {
        "tenant": "acme",
        "key_id": "key_1",
        "model": "small",
        "deployment": "d1",
        "operation": "completions",
        "source": "api",
        "reserved_input_tokens": 1000,
        "reserved_output_tokens": 500,
        "deadline_s": 200.0,
    }
    return Attempt(**fields | changes)  # type: ignore[arg-type]


def event(event_id: str, at: datetime = NOON, **changes: object) -> UsageEvent:
    fields: dict[str, object] = {
        "tenant": "acme",
        "key_id": "key_1",
        "model": "small",
        "deployment": "d1",
        "operation": "completions",
        "source": "api",
        "status": 200,
        "input_tokens": 10,
        "output_tokens": 5,
        "cached_tokens": 2,
        "reasoning_tokens": 1,
        "cost_microusd": 7,
        "estimated": False,
        "ttft_ms": 3,
        "duration_ms": 9,
    }
    return UsageEvent(id=event_id, at=at, **fields | changes)  # type: ignore[arg-type]
