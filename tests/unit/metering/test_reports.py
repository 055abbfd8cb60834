"""The usage API, over a real ledger and through OpenAI's own client."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from openai import AsyncOpenAI
from openai.types.admin.organization import UsageCompletionsResponse, UsageEmbeddingsResponse
from starlette.requests import Request

from functions.requests import read
from shared.adapters.memory.clock import ManualClock
from shared.errors import InvalidRequestError
from shared.metering.reports import UsageReports
from shared.ports.usage import UsageLedger
from shared.wire.usage import UsageQuery
from shared.wire.validation import parse_fields
from tests.unit.metering.conftest import NOON, event

DAY = int(datetime(2026, 3, 4, tzinfo=UTC).timestamp())
HOUR = 3600


@pytest.fixture
def reports(ledger: UsageLedger, clock: ManualClock) -> UsageReports:
    return UsageReports(ledger, clock)


@pytest.fixture
async def client(reports: UsageReports) -> AsyncIterator[AsyncOpenAI]:
    """OpenAI's client, whose requests are read as the edge reads them and answered for tenant acme."""

    async def answer(request: web.BaseRequest) -> web.Response:
        scope = {"type": "http", "method": "GET", "query_string": request.query_string.encode(), "headers": []}
        query, _ = await read(Request(scope), UsageQuery, max_body_bytes=1, max_file_bytes=1)
        ask = reports.embeddings if request.path.endswith("/embeddings") else reports.completions
        return web.json_response(text=(await ask("acme", query)).model_dump_json())

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with AsyncOpenAI(api_key="k", admin_api_key="k", base_url=f"http://{host}:{port}/v1") as client:
        yield client
    await runner.cleanup()


def ask(**fields: object) -> UsageQuery:
    return parse_fields(UsageQuery, fields)


class TestOpenAIsClient:
    async def test_totals_equal_what_the_calls_used(self, client: AsyncOpenAI, ledger: UsageLedger) -> None:
        await ledger.record(event("1", input_tokens=100, output_tokens=20, cached_tokens=30))
        await ledger.record(event("2", NOON - timedelta(hours=3), input_tokens=11, output_tokens=2, cached_tokens=1))
        page = await client.admin.organization.usage.completions(start_time=DAY)
        assert isinstance(page, UsageCompletionsResponse)
        assert (page.object, page.has_more, page.next_page) == ("page", False, None)
        (bucket,) = page.data
        assert (bucket.object, bucket.start_time, bucket.end_time) == ("bucket", DAY, DAY + 12 * HOUR + 1)
        (result,) = bucket.results
        assert result.object == "organization.usage.completions.result"
        assert (result.input_tokens, result.output_tokens, result.input_cached_tokens) == (111, 22, 31)
        assert result.num_model_requests == 2
        nulls = (result.project_id, result.user_id, result.api_key_id, result.model, result.batch)
        assert nulls == (None,) * 5

    async def test_embeddings_have_their_own_result(self, client: AsyncOpenAI, ledger: UsageLedger) -> None:
        await ledger.record(event("1", operation="embeddings", input_tokens=8, output_tokens=0))
        await ledger.record(event("2", operation="completions", input_tokens=99))
        page = await client.admin.organization.usage.embeddings(start_time=DAY, group_by=["model"])
        assert isinstance(page, UsageEmbeddingsResponse)
        (result,) = page.data[0].results
        assert result.object == "organization.usage.embeddings.result"
        assert (result.input_tokens, result.num_model_requests, result.model) == (8, 1, "small")

    async def test_grouping_and_filters_arrive_as_the_client_writes_them(
        self, client: AsyncOpenAI, ledger: UsageLedger
    ) -> None:
        await ledger.record(event("1", model="small", key_id="a", input_tokens=1))
        await ledger.record(event("2", model="large", key_id="a", input_tokens=2))
        await ledger.record(event("3", model="large", key_id="b", input_tokens=4))
        await ledger.record(event("4", model="other", key_id="a", input_tokens=8))
        page = await client.admin.organization.usage.completions(
            start_time=DAY,
            models=["small", "large"],
            api_key_ids=["a", "b"],
            project_ids=["acme"],
            batch=False,
            group_by=["project_id", "api_key_id", "model", "batch"],
        )
        rows = [(r.project_id, r.api_key_id, r.model, r.batch, r.input_tokens) for r in page.data[0].results]
        assert sorted(rows, key=str) == [
            ("acme", "a", "large", False, 2),
            ("acme", "a", "small", False, 1),
            ("acme", "b", "large", False, 4),
        ]

    async def test_walking_the_pages_sees_every_bucket_once(self, client: AsyncOpenAI, ledger: UsageLedger) -> None:
        for hours in range(0, 60, 7):
            await ledger.record(event(str(hours), NOON - timedelta(hours=hours), input_tokens=1))
        start, seen, page = DAY - 3 * 86400, [], None
        while True:
            answer = await client.admin.organization.usage.completions(
                start_time=start, bucket_width="1h", limit=10, **({"page": page} if page else {})
            )
            seen += answer.data
            page = answer.next_page
            assert answer.has_more == (page is not None)
            if page is None:
                break
        assert [bucket.start_time for bucket in seen] == list(range(start, DAY + 12 * HOUR + 1, HOUR))
        assert sum(result.num_model_requests for bucket in seen for result in bucket.results) == 9


class TestBuckets:
    async def starts(self, reports: UsageReports, **query: object) -> list[tuple[int, int, int]]:
        page = await reports.completions("acme", ask(**query))
        return [(b.start_time - DAY, b.end_time - DAY, sum(r.num_model_requests for r in b.results)) for b in page.data]

    async def test_empty_ones_are_there_with_no_results(self, reports: UsageReports) -> None:
        page = await reports.completions("acme", ask(start_time=DAY - 2 * 86400, end_time=DAY))
        assert [bucket.results for bucket in page.data] == [[], []]

    async def test_the_first_and_the_last_are_cut_to_the_range_and_count_only_it(
        self, reports: UsageReports, ledger: UsageLedger
    ) -> None:
        for minute in (9, 10, 59, 60, 119, 120, 129, 130):
            at = datetime.fromtimestamp(DAY + minute * 60, UTC)
            await ledger.record(event(str(minute), at))
        found = await self.starts(reports, start_time=DAY + 630, end_time=DAY + 130 * 60, bucket_width="1h")
        assert found == [(600, 3600, 2), (3600, 7200, 2), (7200, 7800, 2)]

    async def test_a_range_inside_one_bucket_counts_only_itself(
        self, reports: UsageReports, ledger: UsageLedger
    ) -> None:
        for minute in (1, 2, 3, 4):
            await ledger.record(event(str(minute), datetime.fromtimestamp(DAY + minute * 60, UTC)))
        assert await self.starts(reports, start_time=DAY + 120, end_time=DAY + 240) == [(120, 240, 2)]

    async def test_a_range_without_an_end_holds_what_was_used_this_second(
        self, reports: UsageReports, ledger: UsageLedger, clock: ManualClock
    ) -> None:
        await ledger.record(event("1"))
        found = await self.starts(reports, start_time=DAY + 11 * HOUR, bucket_width="1h")
        assert found == [(11 * HOUR, 12 * HOUR, 0), (12 * HOUR, 12 * HOUR + 1, 1)]
        clock.advance(30.5)
        assert await self.starts(reports, start_time=DAY) == [(0, 12 * HOUR + 31, 1)]

    async def test_minutes_come_from_the_events(self, reports: UsageReports, ledger: UsageLedger) -> None:
        await ledger.record(event("1", NOON - timedelta(seconds=61)))
        query = {"start_time": DAY + 12 * HOUR - 180, "end_time": DAY + 12 * HOUR, "bucket_width": "1m"}
        assert [count for _, _, count in await self.starts(reports, **query)] == [0, 1, 0]

    async def test_a_range_in_the_future_is_empty(self, reports: UsageReports) -> None:
        assert await self.starts(reports, start_time=DAY + 10 * 86400) == []

    @pytest.mark.parametrize(("width", "default"), [("1m", 60), ("1h", 24), ("1d", 7)])
    async def test_a_page_has_openais_number_of_buckets(self, reports: UsageReports, width: str, default: int) -> None:
        page = await reports.completions("acme", ask(start_time=DAY - 40 * 86400, bucket_width=width))
        assert len(page.data) == default
        assert page.has_more


class TestWhatCounts:
    @pytest.fixture(autouse=True)
    async def used(self, ledger: UsageLedger) -> None:
        await ledger.record(event("1", source="api", input_tokens=1))
        await ledger.record(event("2", source="indexing", input_tokens=2))
        await ledger.record(event("3", source="retrieval", input_tokens=4))
        await ledger.record(event("4", tenant="other", input_tokens=8))
        await ledger.record(event("5", key_id=None, input_tokens=16))

    async def tokens(self, reports: UsageReports, **query: object) -> int:
        page = await reports.completions("acme", ask(start_time=DAY, **query))
        return sum(result.input_tokens for bucket in page.data for result in bucket.results)

    async def test_only_clients_own_calls_unless_asked(self, reports: UsageReports) -> None:
        assert await self.tokens(reports) == 17
        assert await self.tokens(reports, sources=["api", "indexing", "retrieval"]) == 23
        assert await self.tokens(reports, sources="indexing") == 2

    async def test_sources_can_be_told_apart(self, reports: UsageReports) -> None:
        query = ask(start_time=DAY, sources=["indexing", "retrieval"], group_by="source")
        (bucket,) = (await reports.completions("acme", query)).data
        assert {(result.source, result.input_tokens) for result in bucket.results} == {
            ("indexing", 2),
            ("retrieval", 4),
        }

    async def test_another_tenants_project_holds_nothing(self, reports: UsageReports) -> None:
        assert await self.tokens(reports, project_ids=["other"]) == 0
        assert await self.tokens(reports, project_ids=["acme", "other"]) == 17

    async def test_nothing_ran_as_a_batch(self, reports: UsageReports) -> None:
        assert await self.tokens(reports, batch="true") == 0
        assert await self.tokens(reports, batch="false") == 17

    async def test_money_is_told_beside_tokens(self, reports: UsageReports) -> None:
        (bucket,) = (await reports.completions("acme", ask(start_time=DAY))).data
        assert [result.cost_microusd for result in bucket.results] == [14]


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({}, "start_time"),
            ({"start_time": -1}, "start_time"),
            ({"start_time": DAY, "bucket_width": "2d"}, "bucket_width"),
            ({"start_time": DAY, "group_by": ["user_id"]}, "group_by.0"),
            ({"start_time": DAY, "user_ids": ["u"]}, "user_ids"),
            ({"start_time": DAY, "limit": 0}, "limit"),
        ],
    )
    def test_a_query_we_cannot_answer_names_the_parameter(self, fields: dict[str, object], param: str) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            ask(**fields)
        assert caught.value.param == param

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"end_time": DAY}, "end_time"),
            ({"limit": 32}, "limit"),
            ({"limit": 169, "bucket_width": "1h"}, "limit"),
            ({"page": "page_?"}, "page"),
            ({"page": "page_AAAAAAAAAAAAAA"}, "page"),
            ({"page": "page_AAAAAA"}, "page"),
            ({"page": "page_____________"}, "page"),
        ],
    )
    async def test_so_does_one_that_does_not_fit_together(
        self, reports: UsageReports, fields: dict[str, object], param: str
    ) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            await reports.completions("acme", ask(start_time=DAY, **fields))
        assert caught.value.param == param

    async def test_a_cursor_of_another_width_is_refused(self, reports: UsageReports) -> None:
        hours = await reports.completions("acme", ask(start_time=DAY, bucket_width="1h", limit=5))
        with pytest.raises(InvalidRequestError, match="no cursor of this query"):
            await reports.completions("acme", ask(start_time=DAY, page=hours.next_page))
