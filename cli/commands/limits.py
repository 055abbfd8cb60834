"""What a tenant may use: its policy, which operators set and administrators see (docs/limits.md)."""

import click

from cli.api import Api, segment
from cli.output import Column, field, json_option, show
from cli.parameters import Limit, changes, limit, limit_options

_COLUMNS = (
    field("Tenant", "project_id"),
    Column("Requests/min", lambda policy: _number(policy["max_requests_per_1_minute"]), right=True),
    Column("Tokens/min", lambda policy: _number(policy["max_tokens_per_1_minute"]), right=True),
    Column("Budget a month", lambda policy: _dollars(policy["monthly_budget_usd"]), right=True),
    field("Bytes stored", "used_storage_bytes", right=True),
    Column("At most", lambda policy: _number(policy["max_storage_bytes"]), right=True),
    Column("Semantic cache", lambda policy: "on" if policy["semantic_cache"] else "off"),
)


@click.group()
def limits() -> None:
    """What a tenant may use and spend."""


@limits.command("show")
@click.argument("tenant")
@json_option
@click.pass_obj
def show_limits(api: Api, *, tenant: str, as_json: bool) -> None:
    """The limits of a tenant.

    Needs the scope `admin`, and for other tenants `operator`.
    """
    show([api.get(_path(tenant))], _COLUMNS, as_json=as_json)


@limits.command("set")
@click.argument("tenant")
@limit_options
@click.option("--monthly-budget", "budget", type=limit, metavar="N|none", help="US dollars in a calendar month (UTC).")
@click.option("--storage", type=limit, metavar="BYTES|none", help="What files, documents and chunks may take.")
@click.option(
    "--semantic-cache/--no-semantic-cache",
    "semantic",
    default=None,
    help="Whether a question that means the same may get the same answer (docs/cache.md).",
)
@json_option
@click.pass_obj
def set_limits(
    api: Api,
    *,
    tenant: str,
    requests: Limit | None,
    tokens: Limit | None,
    budget: Limit | None,
    storage: Limit | None,
    semantic: bool | None,
    as_json: bool,
) -> None:
    """Change them; what is not named stays.

    Needs the scope `operator`.
    """
    body = changes(
        max_requests_per_1_minute=requests,
        max_tokens_per_1_minute=tokens,
        monthly_budget_usd=budget,
        max_storage_bytes=storage,
        semantic_cache=semantic,
    )
    show([api.post(_path(tenant), body)], _COLUMNS, as_json=as_json)


def _path(tenant: str) -> str:
    return f"organization/projects/{segment(tenant)}/policy"


def _number(limit: int | None) -> int | str:
    return "none" if limit is None else limit


def _dollars(budget: float | None) -> str:
    return "none" if budget is None else f"${budget:,.2f}"
