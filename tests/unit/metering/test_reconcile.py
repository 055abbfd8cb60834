"""The daily comparison of the ledger's sums with its events."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.adapters.memory.clock import ManualClock
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.records import SqliteRecords
from shared.adapters.sqlite.usage import SqliteUsageLedger
from shared.metering.reconcile import UsageReconciler
from shared.ports.records import CursorRecord
from tests.unit.metering.conftest import NOON, event


class Two:
    """Two tenants."""

    async def after(self, tenant: str | None) -> str | None:
        return {None: "acme", "acme": "other"}.get(tenant)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "store.db")
    yield database
    await database.close()


async def test_sums_that_agree_with_their_events_are_passed_and_one_that_does_not_is_named(
    database: SqliteDatabase, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = SqliteUsageLedger(database)
    reconciler = UsageReconciler(ledger, SqliteRecords(database, CursorRecord), Two(), clock)
    for number, tenant in enumerate(["acme", "other"] * 3):
        await ledger.record(event(str(number), at=NOON - timedelta(days=1), tenant=tenant))
    assert await reconciler.run() == 0
    await database.write(lambda one: one.execute("UPDATE usage_hours SET requests = 4 WHERE tenant = 'other'"))
    assert await reconciler.run() == 1
    assert "usage_differs tenant=other day=2026-03-03 operation=completions" in caplog.text


async def test_a_run_goes_on_where_the_last_one_stopped(database: SqliteDatabase, clock: ManualClock) -> None:
    cursors = SqliteRecords(database, CursorRecord)
    reconciler = UsageReconciler(SqliteUsageLedger(database), cursors, Two(), clock, budget_s=0)
    positions: list[str] = []
    for _ in range(3):
        await reconciler.run()
        positions.append((await cursors.get("_system", "reconcile_usage")).value.position)
    assert positions == ["acme", "", "acme"]
