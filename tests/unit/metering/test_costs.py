"""The costs API, over a real ledger."""

from datetime import UTC, datetime, timedelta

import pytest
from openai.types.admin.organization import UsageCostsResponse

from shared.adapters.memory.clock import ManualClock
from shared.errors import InvalidRequestError
from shared.metering.costs import CostReports
from shared.ports.usage import UsageLedger
from shared.wire.usage import CostsQuery
from shared.wire.validation import parse_fields
from tests.unit.metering.conftest import NOON, event

DAY = int(datetime(2026, 3, 4, tzinfo=UTC).timestamp())


@pytest.fixture
def reports(ledger: UsageLedger, clock: ManualClock) -> CostReports:
    return CostReports(ledger, clock)


def ask(**fields: object) -> CostsQuery:
    return parse_fields(CostsQuery, {"start_time": DAY, **fields})


async def test_all_that_was_paid_for_is_in_the_sum_in_openais_shape(reports: CostReports, ledger: UsageLedger) -> None:
    await ledger.record(event("1", cost_microusd=1_500_000))
    await ledger.record(event("2", cost_microusd=20, operation="embeddings", source="indexing"))
    await ledger.record(event("3", NOON - timedelta(hours=2), cost_microusd=3, source="retrieval"))
    page = await reports.costs("acme", ask())
    read = UsageCostsResponse.model_validate_json(page.model_dump_json())
    (result,) = read.data[0].results
    assert result.object == "organization.costs.result"
    assert (result.amount.value, result.amount.currency) == (1.500023, "usd")
    assert page.data[0].results[0].cost_microusd == 1_500_023


async def test_costs_are_told_apart_by_line_item_key_and_project(reports: CostReports, ledger: UsageLedger) -> None:
    await ledger.record(event("1", cost_microusd=1, model="gpt", key_id="a"))
    await ledger.record(event("2", cost_microusd=2, model="gpt", key_id="b"))
    await ledger.record(event("3", cost_microusd=4, model="embed", key_id="a", operation="embeddings"))
    page = await reports.costs("acme", ask(group_by=["line_item", "api_key_id", "project_id"]))
    seen = {(one.line_item, one.api_key_id, one.project_id): one.cost_microusd for one in page.data[0].results}
    assert seen == {
        ("gpt, completions", "a", "acme"): 1,
        ("gpt, completions", "b", "acme"): 2,
        ("embed, embeddings", "a", "acme"): 4,
    }


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"line_items": ["gpt, completions"]}, 3),
        ({"api_key_ids": "a"}, 5),
        ({"project_ids": ["acme"]}, 7),
        ({"project_ids": ["other"]}, 0),
        ({"sources": ["indexing"]}, 4),
    ],
)
async def test_filters_leave_out_what_was_not_asked_for(
    reports: CostReports, ledger: UsageLedger, asked: dict[str, object], found: int
) -> None:
    await ledger.record(event("1", cost_microusd=1, model="gpt", key_id="a"))
    await ledger.record(event("2", cost_microusd=2, model="gpt", key_id="b"))
    await ledger.record(event("3", cost_microusd=4, model="e", key_id="a", operation="embeddings", source="indexing"))
    page = await reports.costs("acme", ask(**asked))
    assert sum(one.cost_microusd for one in page.data[0].results) == found


async def test_another_tenants_costs_are_not_shown(reports: CostReports, ledger: UsageLedger) -> None:
    await ledger.record(event("1", cost_microusd=1, tenant="other"))
    assert (await reports.costs("acme", ask())).data[0].results == []


@pytest.mark.parametrize(("fields", "param"), [({"limit": 181}, "limit"), ({"bucket_width": "1h"}, "bucket_width")])
async def test_what_is_wrong_is_named(reports: CostReports, fields: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await reports.costs("acme", ask(**fields))
    assert refused.value.param == param


async def test_pages_follow_one_another_day_by_day(reports: CostReports, ledger: UsageLedger) -> None:
    for days in range(3):
        await ledger.record(event(str(days), NOON - timedelta(days=days), cost_microusd=10**days))
    begin = DAY - 2 * 86400
    first = await reports.costs("acme", ask(start_time=begin, limit=2))
    second = await reports.costs("acme", ask(start_time=begin, limit=2, page=first.next_page))
    costs = [sum(one.cost_microusd for one in bucket.results) for page in (first, second) for bucket in page.data]
    assert (costs, first.has_more, second.has_more) == ([100, 10, 1], True, False)
