"""What was used and what it cost, out of the ledger, by whatever one wants to know it by."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import click

from cli.api import Api, Json
from cli.output import Column, day, dollars, field, json_option, show

_DAY_S = 86_400
_OPERATIONS = ("completions", "embeddings")
_SOURCES = ("api", "cache", "indexing", "retrieval")
_TITLES = {"day": "Day", "model": "Model", "key": "Key", "tenant": "Tenant", "source": "Source", "item": "Item"}
_FIELDS = {"model": "model", "key": "api_key_id", "tenant": "project_id", "source": "source", "item": "line_item"}
"""What the API calls it."""

_NUMBERS = ("num_model_requests", "input_tokens", "input_cached_tokens", "output_tokens", "cost_microusd")
_COST = Column("Cost", lambda row: dollars(row["cost_microusd"]), right=True)

_days = click.option(
    "--days", type=click.IntRange(1, 366), default=7, show_default=True, help="Today and those before."
)


def _by(*choices: str, default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    kinds = click.Choice(choices)
    return click.option("--by", multiple=True, type=kinds, default=(default,), show_default=True, help="Repeatable.")


@click.command()
@_days
@_by("day", "model", "key", "tenant", "source", default="model")
@json_option
@click.pass_obj
def usage(api: Api, *, days: int, by: tuple[str, ...], as_json: bool) -> None:
    """What clients used: requests, tokens, cost.

    By source, also what the cache answered and what indexing and search called.
    """
    query = {"sources[]": _SOURCES} if "source" in by else {}
    rows: list[Json] = []
    for operation in _OPERATIONS:
        found = _results(api, f"organization/usage/{operation}", days, by, query)
        rows += [{"operation": operation, **row} for row in _summed(found, by, _NUMBERS)]
    columns = (
        *_group_columns(by),
        field("Operation", "operation"),
        field("Requests", "num_model_requests", right=True),
        field("Tokens in", "input_tokens", right=True),
        field("Cached", "input_cached_tokens", right=True),
        field("Tokens out", "output_tokens", right=True),
        _COST,
    )
    show(_sorted(rows, by), columns, as_json=as_json, none=f"Nothing was used in {days} days.")


@click.command()
@_days
@_by("day", "item", "key", "tenant", default="item")
@json_option
@click.pass_obj
def costs(api: Api, *, days: int, by: tuple[str, ...], as_json: bool) -> None:
    """What everything cost.

    Indexing and search included, at the prices of the catalogue.
    """
    rows = _summed(_results(api, "organization/costs", days, by, {}), by, ("cost_microusd",))
    show(_sorted(rows, by), (*_group_columns(by), _COST), as_json=as_json, none=f"Nothing was spent in {days} days.")


def _results(api: Api, path: str, days: int, by: Sequence[str], query: Json) -> Iterator[Json]:
    """The results of every bucket, each with its day. Days are those of UTC, as in the ledger."""
    start = int(time.time()) // _DAY_S * _DAY_S - (days - 1) * _DAY_S
    page: str | None = None
    fields = [_FIELDS[name] for name in by if name in _FIELDS]
    while True:
        found = api.get(path, start_time=start, bucket_width="1d", page=page, **{"group_by[]": fields}, **query)
        for bucket in found["data"]:
            yield from ({"day": day(bucket["start_time"]), **result} for result in bucket["results"])
        page = found["next_page"]
        if page is None:
            return


def _summed(results: Iterable[Json], by: Sequence[str], numbers: Sequence[str]) -> list[Json]:
    """One row for each group."""
    rows: dict[tuple[str, ...], Json] = {}
    for result in results:
        group = {name: result[_FIELDS.get(name, name)] for name in by}
        row = rows.setdefault(tuple(map(str, group.values())), {**group, **dict.fromkeys(numbers, 0)})
        for number in numbers:
            row[number] += result.get(number, 0)
    return list(rows.values())


def _sorted(rows: list[Json], by: Sequence[str]) -> list[Json]:
    """Days in their order; the dearest first in each."""
    return sorted(rows, key=lambda row: (row["day"] if "day" in by else "", -row["cost_microusd"]))


def _group_columns(by: Sequence[str]) -> tuple[Column, ...]:
    return tuple(field(_TITLES[name], name) for name in by)
