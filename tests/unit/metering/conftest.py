"""What the tests of metering share."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.usage import MemoryUsageLedger
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.usage import SqliteUsageLedger
from shared.ports.usage import Attempt, UsageEvent, UsageLedger
from tests.unit.metering.room import Room

NOON = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def room(clock: ManualClock) -> Room:
    return Room(clock)


@pytest.fixture(params=["memory", "sqlite"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[UsageLedger]:
    if request.param == "memory":
        yield MemoryUsageLedger()
        return
    database = SqliteDatabase(tmp_path / "store.db")
    yield SqliteUsageLedger(database)
    await database.close()


def nth(number: int) -> str:
    """The id that the clock gives to the event of that number."""
    return f"usage_{number:026}"


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
