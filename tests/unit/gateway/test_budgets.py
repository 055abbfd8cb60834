"""Budgets of a month: against the ledger, across its months, and while it cannot be read."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from shared.adapters.memory.clock import ManualClock
from shared.adapters.memory.usage import MemoryUsageLedger
from shared.errors import OverloadedError, QuotaError
from shared.gateway.budgets import FRESH_S, STALE_S, Budgets
from shared.ports.policies import PolicyRecord, unrestricted
from shared.ports.usage import Operation, UsageTotal
from tests.unit.metering.conftest import event

MARCH_31 = datetime(2026, 3, 31, 23, 0, tzinfo=UTC)
POLICY = PolicyRecord("acme", "acme", budget_microusd=1000)


class UnsteadyLedger(MemoryUsageLedger):
    """Counts how often it is asked, and refuses while it is told to."""

    down = False
    asked = 0

    async def totals(
        self, tenant: str, operation: Operation, *, start: datetime, end: datetime, width_s: Literal[60, 3600, 86400]
    ) -> Sequence[UsageTotal]:
        self.asked += 1
        if self.down:
            raise OverloadedError("The ledger is down.")
        return await super().totals(tenant, operation, start=start, end=end, width_s=width_s)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MARCH_31)


@pytest.fixture
def ledger() -> UnsteadyLedger:
    return UnsteadyLedger()


@pytest.fixture
def budgets(ledger: UnsteadyLedger, clock: ManualClock) -> Budgets:
    return Budgets(ledger, clock)


async def spend(ledger: UnsteadyLedger, name: str, cost: int, **fields: object) -> None:
    await ledger.record(event(name, MARCH_31 - timedelta(hours=5), cost_microusd=cost, **fields))


async def test_what_chats_and_embeddings_cost_together_is_held_against_it(
    ledger: UnsteadyLedger, budgets: Budgets
) -> None:
    await spend(ledger, "1", 600)
    await spend(ledger, "2", 399, operation="embeddings", source="indexing")
    await budgets.check(POLICY)
    await spend(ledger, "3", 1)
    with pytest.raises(QuotaError, match=r"of \$0\.00 for this month"):
        await Budgets(ledger, ManualClock(MARCH_31)).check(POLICY)


async def test_another_tenants_spending_is_not_ones_own(ledger: UnsteadyLedger, budgets: Budgets) -> None:
    await spend(ledger, "1", 5000, tenant="other")
    await budgets.check(POLICY)


async def test_without_a_budget_nobody_asks_the_ledger(ledger: UnsteadyLedger, budgets: Budgets) -> None:
    await budgets.check(unrestricted("acme"))
    assert ledger.asked == 0


async def test_a_budget_of_nothing_lets_nothing_through(budgets: Budgets) -> None:
    with pytest.raises(QuotaError):
        await budgets.check(PolicyRecord("acme", "acme", budget_microusd=0))


async def test_a_new_month_begins_at_nothing(ledger: UnsteadyLedger, budgets: Budgets, clock: ManualClock) -> None:
    await spend(ledger, "1", 1000)
    with pytest.raises(QuotaError):
        await budgets.check(POLICY)
    clock.advance(3601)
    await budgets.check(POLICY)


async def test_a_reading_serves_many_calls_and_is_renewed_beside_them(
    ledger: UnsteadyLedger, budgets: Budgets, clock: ManualClock
) -> None:
    for _ in range(50):
        await budgets.check(POLICY)
    assert ledger.asked == 2  # once for each operation
    await spend(ledger, "1", 1000)
    clock.advance(FRESH_S)
    await budgets.check(POLICY)  # does not wait for the reading that it begins
    with pytest.raises(QuotaError):
        await _until_refused(budgets)


async def test_while_the_ledger_is_down_a_reading_holds_for_a_while_and_then_nothing_goes(
    ledger: UnsteadyLedger, budgets: Budgets, clock: ManualClock
) -> None:
    await budgets.check(POLICY)
    ledger.down = True
    clock.advance(STALE_S - 1)
    await budgets.check(POLICY)
    clock.advance(1)
    with pytest.raises(OverloadedError, match="cannot be read: The ledger is down"):
        await budgets.check(POLICY)
    ledger.down = False
    await budgets.check(POLICY)


async def test_thresholds_are_told_once(
    ledger: UnsteadyLedger, budgets: Budgets, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    await spend(ledger, "1", 800)
    for _ in range(3):
        await budgets.check(POLICY)
    assert caplog.text.count("budget reached=80% tenant=acme") == 1


async def _until_refused(budgets: Budgets) -> None:
    async with asyncio.timeout(10):
        while True:
            await budgets.check(POLICY)
            await asyncio.sleep(0)
