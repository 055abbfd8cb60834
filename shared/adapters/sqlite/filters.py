"""Filters on attributes: what is kept of a generation's attributes, and a filter as a condition on generations.

One row an attribute, in the order in which comparisons look for them, so every comparison reads a range of an index.
Names and values are parameters throughout. Booleans are a kind of their own: to SQLite they would be 0 and 1.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.adapters.sqlite.transactions import Bindings
from shared.ports.filters import Combined, Filter, OneOf, Order, Ordered, kind_of
from shared.ports.records import Attribute

if TYPE_CHECKING:
    import apsw

_OPERATORS: Mapping[Order, str] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_WITH = "version IN (SELECT version FROM attributes WHERE pk = :pk AND name = {name} AND {condition})"


def keep(connection: "apsw.Connection", partition: int, version: int, attributes: Mapping[str, Attribute]) -> None:
    """Make these the attributes of a generation."""
    forget(connection, version)
    for name, value in attributes.items():
        row = (partition, name, kind_of(value), _plain(value), version)
        connection.execute("INSERT INTO attributes (pk, name, kind, value, version) VALUES (?, ?, ?, ?, ?)", row)


def forget(connection: "apsw.Connection", version: int) -> None:
    connection.execute("DELETE FROM attributes WHERE version = ?", (version,))


class Condition:
    """A filter in SQL over a column `version`, with its `bindings`; it needs `:pk` besides."""

    def __init__(self, chosen: Filter) -> None:
        self.bindings: Bindings = {}
        self.sql = self._of(chosen)

    def _of(self, chosen: Filter) -> str:
        match chosen:
            case Combined(how, filters):
                return "(" + f" {how.upper()} ".join(map(self._of, filters)) + ")"
            case OneOf(key, values, negated):
                rows = ", ".join(f"({self._bound(kind_of(one))}, {self._bound(_plain(one))})" for one in values)
                return f"{'NOT ' if negated else ''}{self._with(key, f'(kind, value) IN (VALUES {rows})')}"
            case Ordered(key, order, value):
                kind, bound = self._bound(kind_of(value)), self._bound(_plain(value))
                return self._with(key, f"kind = {kind} AND value {_OPERATORS[order]} {bound}")

    def _with(self, key: str, condition: str) -> str:
        return _WITH.format(name=self._bound(key), condition=condition)

    def _bound(self, value: float | str) -> str:
        name = f"filter{len(self.bindings)}"
        self.bindings[name] = value
        return f":{name}"


def _plain(value: Attribute) -> float | str:
    return int(value) if isinstance(value, bool) else value
