"""Filters on attributes as a condition on items. Values are parameters.

A property's name cannot be a parameter, so attributes are kept under digests of their names, and no text from outside
gets into a query. A comparison with what is missing, or of another type, is undefined to the service, and what is
undefined neither holds nor holds negated: hence IS_DEFINED, whose negation is defined.
"""

from collections.abc import Mapping

from shared.adapters.cosmos import names
from shared.ports.filters import Combined, Filter, OneOf, Order, Ordered

_OPERATORS: Mapping[Order, str] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_ONE_OF = "(IS_DEFINED({path}) AND ARRAY_CONTAINS({values}, {path}))"


def property_of(key: str) -> str:
    """What an attribute is called inside an item's `attributes`."""
    return f"a{names.digest(key)}"


class Condition:
    """A filter in the query language over an item `c`, with its `parameters`."""

    def __init__(self, chosen: Filter) -> None:
        self.parameters: dict[str, object] = {}
        self.sql = self._of(chosen)

    def _of(self, chosen: Filter) -> str:
        match chosen:
            case Combined(how, filters):
                return "(" + f" {how.upper()} ".join(map(self._of, filters)) + ")"
            case OneOf(key, values, negated):
                condition = _ONE_OF.format(path=_path(key), values=self._bound(list(values)))
                return f"NOT {condition}" if negated else condition
            case Ordered(key, order, value):
                return f"{_path(key)} {_OPERATORS[order]} {self._bound(value)}"

    def _bound(self, value: object) -> str:
        name = f"filter{len(self.parameters)}"
        self.parameters[name] = value
        return f"@{name}"


def _path(key: str) -> str:
    return f"c.attributes.{property_of(key)}"
