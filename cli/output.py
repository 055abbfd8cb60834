"""What commands print: tables for people, tab-separated lines where nobody looks, JSON for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unicodedata import category

import click

from cli.api import Json

_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Unicode's embeddings, overrides and isolates of writing direction."""

type Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """`of` picks from a row what is shown; numbers stand at the `right`, what is copied or compared stays `whole`."""

    title: str
    of: Callable[[Json], Cell]
    right: bool = False
    whole: bool = False


json_option = click.option("--json", "as_json", is_flag=True, help="For programs: what the server said.")


def field(title: str, name: str, *, right: bool = False, whole: bool = False) -> Column:
    """A column that shows one field of the row."""
    return Column(title, lambda row: row.get(name), right, whole)


def show(rows: Iterable[Json], columns: Sequence[Column], *, as_json: bool, none: str = "Nothing.") -> None:
    """Print the rows; `none` tells a person that there are none."""
    found = list(rows)
    if as_json:
        print_json(found)
    elif not sys.stdout.isatty():
        for row in found:
            click.echo("\t".join(_line(column.of(row)) for column in columns))
    elif not found:
        click.echo(none)
    else:
        _table(found, columns)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def note(text: str) -> None:
    """Something for the person, not for what reads our output."""
    click.echo(printable(text), err=True)


def printable(text: str) -> str:
    """Names, documents and models are others' words: none of them may command the terminal, or turn its lines round."""
    return "".join("�" if _commands(mark) else mark for mark in text.replace("\r", ""))


def _commands(mark: str) -> bool:
    return mark not in "\n\t" and (category(mark) in ("Cc", "Cs") or mark in _TURNS)


def moment(seconds: float | None) -> str:
    """UTC, to the minute; "" for None."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def dollars(microusd: int) -> str:
    """Exact: a micro-dollar is the ledger's smallest amount."""
    return f"${microusd // 1_000_000}.{microusd % 1_000_000:06d}"


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int) else printable(str(cell))


def _line(cell: Cell) -> str:
    return " ".join(printable("" if cell is None else str(cell)).split())


def _table(rows: Sequence[Json], columns: Sequence[Column]) -> None:
    """Without columns that say nothing of any row."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    told = [column for column in columns if any(_shown(column.of(row)) for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in told:
        justify = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, overflow="fold", no_wrap=column.whole)
    for row in rows:
        table.add_row(*(Text(_shown(column.of(row))) for column in told))
    Console().print(table)
