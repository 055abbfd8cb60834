"""The costs API: what a tenant's calls came to at the catalogue's prices, by the day.

https://platform.openai.com/docs/api-reference/usage/costs
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.metering.buckets import PageLimits, buckets, grouped, window_of
from shared.metering.cursors import encode_cursor
from shared.ports.clock import Clock
from shared.ports.usage import Operation, UsageLedger, UsageTotal
from shared.wire.usage import Amount, CostGroup, CostsQuery, CostsResult, UsageBucket, UsagePage

_LIMITS: PageLimits = {86400: (7, 180)}
"""OpenAI's."""

_OPERATIONS: tuple[Operation, ...] = ("completions", "embeddings")


@dataclass(frozen=True, slots=True)
class CostReports:
    ledger: UsageLedger
    clock: Clock

    async def costs(self, tenant: str, query: CostsQuery) -> UsagePage[CostsResult]:
        """Raise InvalidRequestError that names the parameter."""
        window, more = window_of(query, self.clock.now(), _LIMITS)
        found = await buckets(self.ledger, tenant, _OPERATIONS, window, lambda row: _asked_for(row, tenant, query))
        data = [
            UsageBucket[CostsResult](
                start_time=bucket.start, end_time=bucket.end, results=_results(bucket.rows, tenant, query)
            )
            for bucket in found
        ]
        return UsagePage[CostsResult](data=data, has_more=more, next_page=encode_cursor(window.end) if more else None)


def _asked_for(row: UsageTotal, tenant: str, query: CostsQuery) -> bool:
    return (
        row.source in query.sources
        and (query.line_items is None or _line_item(row) in query.line_items)
        and (query.api_key_ids is None or row.key_id in query.api_key_ids)
        and (query.project_ids is None or tenant in query.project_ids)
    )


def _results(rows: Sequence[UsageTotal], tenant: str, query: CostsQuery) -> list[CostsResult]:
    groups = grouped(rows, lambda row: tuple(_value(row, name, tenant) for name in query.group_by))
    return [
        _result(sum(row.cost_microusd for row in members), dict(zip(query.group_by, values, strict=True)))
        for values, members in groups.items()
    ]


def _result(microusd: int, group: dict[CostGroup, str | None]) -> CostsResult:
    return CostsResult(amount=Amount(value=microusd / 1_000_000), cost_microusd=microusd, **group)


def _value(row: UsageTotal, name: CostGroup, tenant: str) -> str | None:
    values: dict[CostGroup, str | None] = {
        "project_id": tenant,
        "api_key_id": row.key_id,
        "line_item": _line_item(row),
    }
    return values[name]


def _line_item(row: UsageTotal) -> str:
    return f"{row.model}, {row.operation}"
