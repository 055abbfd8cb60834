"""What every `UsageLedger` promises."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

import pytest

from shared.adapters.cosmos.usage import CosmosUsageLedger
from shared.adapters.memory.usage import MemoryUsageLedger
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.usage import SqliteUsageLedger
from shared.ports.usage import UNSETTLED, UsageEvent, UsageLedger, UsageTotal
from tests.contracts.stores import AT, event
from tests.cosmos.worlds import STORES

DAY = datetime(2026, 3, 4, tzinfo=UTC)
WIDTHS = (60, 3600, 86400)

type Width = Literal[60, 3600, 86400]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=STORES)
def ledger(request: pytest.FixtureRequest) -> UsageLedger:
    if request.param == "memory":
        return MemoryUsageLedger()
    if request.param.startswith("cosmos"):
        return CosmosUsageLedger(request.getfixturevalue("cosmos").under(request.param))
    return SqliteUsageLedger(request.getfixturevalue("database"))


async def day(ledger: UsageLedger, width_s: Width = 86400, tenant: str = "t") -> Sequence[UsageTotal]:
    return await ledger.totals(tenant, "completions", start=DAY, end=DAY + timedelta(days=1), width_s=width_s)


def brief(totals: Sequence[UsageTotal]) -> list[tuple[str, int]]:
    return [(f"{total.start:%d %H:%M}", total.requests) for total in totals]


class TestRecording:
    @pytest.mark.parametrize("width_s", WIDTHS)
    async def test_every_number_of_an_event_is_summed(self, ledger: UsageLedger, width_s: Width) -> None:
        assert await ledger.record(event("1"))
        assert await ledger.record(event("2", input_tokens=100, ttft_ms=None, duration_ms=None, estimated=True))
        (total,) = await day(ledger, width_s)
        assert total == UsageTotal(
            start=AT - (AT - DAY) % timedelta(seconds=width_s),
            width_s=width_s,
            operation="completions",
            source="api",
            model="m",
            key_id="k",
            requests=2,
            input_tokens=107,
            output_tokens=10,
            cached_tokens=6,
            reasoning_tokens=4,
            cost_microusd=22,
        )

    @pytest.mark.parametrize("width_s", WIDTHS)
    async def test_an_event_that_comes_again_is_counted_once(self, ledger: UsageLedger, width_s: Width) -> None:
        assert [await ledger.record(event("1")) for _ in range(4)] == [True, False, False, False]
        (total,) = await day(ledger, width_s)
        assert total.requests == 1

    async def test_the_same_event_object_is_counted_once(self, ledger: UsageLedger) -> None:
        one = event("1")
        assert [await ledger.record(one), await ledger.record(one)] == [True, False]

    async def test_the_first_telling_of_an_event_stands(self, ledger: UsageLedger) -> None:
        await ledger.record(event("1", input_tokens=1))
        assert not await ledger.record(event("1", input_tokens=1000))
        (total,) = await day(ledger)
        assert total.input_tokens == 1

    @pytest.mark.parametrize("width_s", WIDTHS)
    async def test_a_settled_event_takes_the_place_of_its_estimate_once(
        self, ledger: UsageLedger, width_s: Width
    ) -> None:
        estimate = event("1", status=UNSETTLED, input_tokens=1000, cost_microusd=2**53 + 1, estimated=True)
        settled = event("1", status=200, input_tokens=5, cost_microusd=3, estimated=False)
        await ledger.record(event("another", input_tokens=70, cost_microusd=1))
        assert [await ledger.record(one) for one in (estimate, estimate, settled, estimate, settled)] == [
            *(True, False),
            *(True, False, False),
        ]
        (total,) = await day(ledger, width_s)
        assert (total.requests, total.input_tokens, total.cost_microusd) == (2, 75, 4)

    async def test_an_estimate_and_its_settled_event_may_meet(self, ledger: UsageLedger) -> None:
        estimate, settled = event("1", status=UNSETTLED, input_tokens=1000), event("1", input_tokens=5)
        await asyncio.gather(*(ledger.record(one) for one in (estimate, settled) * 4))
        (total,) = await day(ledger)
        assert (total.requests, total.input_tokens) == (1, 5)

    async def test_an_event_delivered_many_times_at_once_is_counted_once(self, ledger: UsageLedger) -> None:
        events = [event(str(number % 5)) for number in range(20)]
        told = await asyncio.gather(*(ledger.record(one) for one in events))
        assert sum(told) == 5
        assert [total.requests for total in await day(ledger)] == [5]

    async def test_large_sums_stay_exact(self, ledger: UsageLedger) -> None:
        for number in range(3):
            await ledger.record(event(str(number), cost_microusd=2**53 + 1))
        (total,) = await day(ledger)
        assert total.cost_microusd == 3 * (2**53 + 1)


class TestBuckets:
    @pytest.mark.parametrize("width_s", WIDTHS)
    async def test_a_bucket_holds_its_first_moment_and_not_the_next_ones(
        self, ledger: UsageLedger, width_s: Width
    ) -> None:
        edge, step = DAY + timedelta(days=1), timedelta(microseconds=1)
        for name, moment in (("before", edge - step), ("at", edge), ("after", edge + step)):
            await ledger.record(event(name, at=moment))
        start = edge - timedelta(days=1)
        totals = await ledger.totals("t", "completions", start=start, end=edge + timedelta(days=1), width_s=width_s)
        assert [(total.start, total.requests) for total in totals] == [
            (edge - timedelta(seconds=width_s), 1),
            (edge, 2),
        ]

    async def test_buckets_come_oldest_first_and_empty_ones_are_absent(self, ledger: UsageLedger) -> None:
        for number, hour in enumerate((23, 3, 11, 3)):
            await ledger.record(event(str(number), at=DAY + timedelta(hours=hour, minutes=number)))
        assert brief(await day(ledger, 3600)) == [("04 03:00", 2), ("04 11:00", 1), ("04 23:00", 1)]
        assert brief(await day(ledger, 60)) == [("04 03:01", 1), ("04 03:03", 1), ("04 11:02", 1), ("04 23:00", 1)]

    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [
            ("10:00", "11:00", ["10"]),
            ("10:01", "11:00", []),
            ("09:59", "10:00", []),
            ("09:59", "10:01", ["10"]),
            ("10:00", "10:01", ["10"]),
            ("10:30", "12:30", ["11", "12"]),
            ("12:00", "10:00", []),
        ],
    )
    async def test_the_buckets_that_begin_in_the_range_are_whole_and_no_others_are_there(
        self, ledger: UsageLedger, start: str, end: str, expected: list[str]
    ) -> None:
        for hour in (9, 10, 11, 12):
            await ledger.record(event(f"{hour}a", at=DAY + timedelta(hours=hour)))
            await ledger.record(event(f"{hour}b", at=DAY + timedelta(hours=hour, minutes=59, seconds=59)))
        moments = [datetime.fromisoformat(f"2026-03-04T{moment}:00Z") for moment in (start, end)]
        totals = await ledger.totals("t", "completions", start=moments[0], end=moments[1], width_s=3600)
        assert [(f"{total.start:%H}", total.requests) for total in totals] == [(hour, 2) for hour in expected]

    async def test_days_are_days_of_utc_wherever_the_event_was_told(self, ledger: UsageLedger) -> None:
        early_in_tokyo = datetime(2026, 3, 5, 1, tzinfo=timezone(timedelta(hours=9)))
        await ledger.record(event("1", at=early_in_tokyo))
        (total,) = await day(ledger)
        assert total.start == DAY
        assert total.start.utcoffset() == timedelta(0)

    async def test_a_range_may_be_given_in_any_zone(self, ledger: UsageLedger) -> None:
        await ledger.record(event("1"))
        zone = timezone(timedelta(hours=-7))
        start, end = DAY.astimezone(zone), (DAY + timedelta(days=1)).astimezone(zone)
        assert len(await ledger.totals("t", "completions", start=start, end=end, width_s=86400)) == 1


class TestGroups:
    @pytest.mark.parametrize("width_s", WIDTHS)
    async def test_sums_are_apart_for_each_source_model_and_key(self, ledger: UsageLedger, width_s: Width) -> None:
        keys = [("api", "m", None), ("api", "m", "k"), ("api", "n", "k"), ("indexing", "m", None)]
        for number, (source, model, key_id) in enumerate(keys * 2):
            await ledger.record(event(str(number), source=source, model=model, key_id=key_id))
        totals = await day(ledger, width_s)
        assert [(total.source, total.model, total.key_id) for total in totals] == keys
        assert [total.requests for total in totals] == [2, 2, 2, 2]

    @pytest.mark.parametrize("width_s", WIDTHS)
    async def test_another_operation_is_not_in_the_sums(self, ledger: UsageLedger, width_s: Width) -> None:
        await ledger.record(event("1", operation="embeddings"))
        assert await day(ledger, width_s) == []

    async def test_deployments_and_states_are_summed_together(self, ledger: UsageLedger) -> None:
        await ledger.record(event("1", deployment="a", status=200))
        await ledger.record(event("2", deployment="b", status=500))
        (total,) = await day(ledger)
        assert total.requests == 2


class TestTenants:
    @pytest.mark.parametrize("width_s", WIDTHS)
    async def test_two_tenants_with_the_same_event_ids_are_counted_apart(
        self, ledger: UsageLedger, width_s: Width
    ) -> None:
        mine: UsageEvent = event("1", tenant="t", input_tokens=1)
        assert await ledger.record(mine)
        assert await ledger.record(replace(mine, tenant="u", input_tokens=2))
        assert not await ledger.record(mine)
        assert [total.input_tokens for total in await day(ledger, width_s, "t")] == [1]
        assert [total.input_tokens for total in await day(ledger, width_s, "u")] == [2]
        assert await day(ledger, width_s, "nobody") == []


class TestDisowning:
    async def disown(self, ledger: UsageLedger, limit: int = 2) -> None:
        for _ in range(20):
            if not await ledger.disown("t", "nobody", month=DAY, limit=limit):
                return
        raise AssertionError("there is always more")

    async def test_every_amount_is_kept_under_the_other_name_without_keys(self, ledger: UsageLedger) -> None:
        for number in range(5):
            await ledger.record(event(str(number), key_id=f"k{number % 2}", cost_microusd=2**40))
        await ledger.record(event("other", tenant="other"))
        before = await day(ledger, tenant="other")
        await self.disown(ledger)
        for width_s in WIDTHS:
            (total,) = await day(ledger, width_s, tenant="nobody")
            assert (total.key_id, total.requests, total.cost_microusd) == (None, 5, 5 * 2**40)
            assert list(await day(ledger, width_s)) == []
        assert await day(ledger, tenant="other") == before

    async def test_what_comes_again_under_either_name_is_counted_once(self, ledger: UsageLedger) -> None:
        estimate = event("1", status=UNSETTLED, output_tokens=500)
        await ledger.record(estimate)
        await ledger.record(event("2"))
        assert await ledger.record(event("2", tenant="nobody", key_id=None))  # redirected, before the first is moved
        await self.disown(ledger)
        assert not await ledger.record(event("2", tenant="nobody", key_id=None))
        assert await ledger.record(event("1", tenant="nobody", key_id=None))
        (total,) = await day(ledger, 3600, tenant="nobody")
        assert (total.requests, total.output_tokens) == (2, 10)

    async def test_other_months_stay_where_they_are(self, ledger: UsageLedger) -> None:
        await ledger.record(event("1"))
        assert await ledger.disown("t", "nobody", month=DAY.replace(month=4), limit=10) == 0
        assert brief(await day(ledger)) == [("04 00:00", 1)]
