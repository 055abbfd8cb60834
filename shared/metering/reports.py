"""The usage API: what a tenant used, in buckets of a minute, an hour or a day."""

from collections.abc import Callable, Sequence

from shared.metering.buckets import PageLimits, buckets, grouped, window_of
from shared.metering.cursors import encode_cursor
from shared.ports.clock import Clock
from shared.ports.usage import Operation, UsageLedger, UsageTotal
from shared.wire.usage import (
    CompletionsResult,
    EmbeddingsResult,
    GroupBy,
    UsageBucket,
    UsagePage,
    UsageQuery,
    UsageResult,
)

_LIMITS: PageLimits = {60: (60, 1440), 3600: (24, 168), 86400: (7, 31)}
"""OpenAI's."""


class UsageReports:
    def __init__(self, ledger: UsageLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def completions(self, tenant: str, query: UsageQuery) -> UsagePage[CompletionsResult]:
        """Raise InvalidRequestError that names the parameter."""
        return await self._page(tenant, "completions", query, _completions)

    async def embeddings(self, tenant: str, query: UsageQuery) -> UsagePage[EmbeddingsResult]:
        return await self._page(tenant, "embeddings", query, _embeddings)

    async def _page[Result: UsageResult](
        self,
        tenant: str,
        operation: Operation,
        query: UsageQuery,
        result: Callable[[Sequence[UsageTotal], "_Group"], Result],
    ) -> UsagePage[Result]:
        window, more = window_of(query, self._clock.now(), _LIMITS)
        found = await buckets(self._ledger, tenant, [operation], window, lambda row: _asked_for(row, tenant, query))
        data = [
            UsageBucket[Result](
                start_time=bucket.start,
                end_time=bucket.end,
                results=_results(bucket.rows, tenant, query, result),
            )
            for bucket in found
        ]
        return UsagePage[Result](data=data, has_more=more, next_page=encode_cursor(window.end) if more else None)


def _asked_for(row: UsageTotal, tenant: str, query: UsageQuery) -> bool:
    return (
        row.source in query.sources
        and (query.models is None or row.model in query.models)
        and (query.api_key_ids is None or row.key_id in query.api_key_ids)
        and (query.project_ids is None or tenant in query.project_ids)
        and query.batch is not True
    )


type _Group = dict[GroupBy, str | bool | None]


def _results[Result: UsageResult](
    rows: Sequence[UsageTotal],
    tenant: str,
    query: UsageQuery,
    result: Callable[[Sequence[UsageTotal], _Group], Result],
) -> list[Result]:
    groups = grouped(rows, lambda row: tuple(_value(row, name, tenant) for name in query.group_by))
    return [result(members, dict(zip(query.group_by, values, strict=True))) for values, members in groups.items()]


def _value(row: UsageTotal, name: GroupBy, tenant: str) -> str | bool | None:
    values = {"project_id": tenant, "api_key_id": row.key_id, "model": row.model, "source": row.source, "batch": False}
    return values[name]


def _completions(rows: Sequence[UsageTotal], group: _Group) -> CompletionsResult:
    return CompletionsResult.model_validate(
        {
            "output_tokens": sum(row.output_tokens for row in rows),
            "input_cached_tokens": sum(row.cached_tokens for row in rows),
            "output_reasoning_tokens": sum(row.reasoning_tokens for row in rows),
            **_common(rows),
            **group,
        }
    )


def _embeddings(rows: Sequence[UsageTotal], group: _Group) -> EmbeddingsResult:
    return EmbeddingsResult.model_validate({**_common(rows), **group})


def _common(rows: Sequence[UsageTotal]) -> dict[str, int]:
    return {
        "input_tokens": sum(row.input_tokens for row in rows),
        "num_model_requests": sum(row.requests for row in rows),
        "cost_microusd": sum(row.cost_microusd for row in rows),
    }
