"""OpenAI's filters on the attributes of files, as vector store search and the file search tool take them."""

from sys import float_info
from typing import Annotated, Literal, Self, cast

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from shared.wire.shape import Shape

MAX_COMPARISONS = 100
MAX_DEPTH = 8
MAX_VALUES = 100
"""Ours, as are those above: OpenAI states no limits. All comparisons of a filter together; `and` within `or` and so
on; values of one `in` or `nin`."""

_MAX_TEXT = 512
_LISTS = ("in", "nin")
_ORDERS = ("gt", "gte", "lt", "lte")
_COMBINATIONS = ("and", "or")


def _attribute(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, str) and len(value) <= _MAX_TEXT):
        return value
    if isinstance(value, int | float) and abs(value) <= float_info.max:  # an int may be larger than any float
        return float(value)
    raise ValueError(f"must be a text of at most {_MAX_TEXT} characters, a finite number, or a boolean")


type AttributeName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
type AttributeValue = Annotated[str | float | bool, BeforeValidator(_attribute)]


def _compared(value: object) -> object:
    if not isinstance(value, list):
        return _attribute(value)
    values = cast("list[object]", value)
    if not 1 <= len(values) <= MAX_VALUES:
        raise ValueError(f"must hold 1 to {MAX_VALUES} values, and holds {len(values)}")
    return tuple(map(_attribute, values))


class SearchFilter(Shape):
    """One comparison (`key` and `value`), or several filters combined (`filters`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "and", "or"]
    key: AttributeName | None = None
    value: Annotated[str | float | bool | tuple[str | float | bool, ...] | None, BeforeValidator(_compared)] = None
    filters: Annotated[tuple["SearchFilter", ...], Field(min_length=1, max_length=MAX_COMPARISONS)] | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.type in _COMBINATIONS:
            whole = self.filters is not None and self.key is None and self.value is None
            _require(whole, self, "`filters`, and no more")
        else:
            whole = self.filters is None and self.key is not None and self.value is not None
            _require(whole, self, "`key` and `value`, and no more")
            self._check_value()
        return self

    def _check_value(self) -> None:
        _require(isinstance(self.value, tuple) is (self.type in _LISTS), self, _takes(self.type))
        if self.type in _ORDERS:
            _require(not isinstance(self.value, bool), self, _takes(self.type))

    @property
    def values(self) -> tuple[str | float | bool, ...]:
        """What `value` holds, be it one or a list."""
        if self.value is None:
            return ()
        return self.value if isinstance(self.value, tuple) else (self.value,)

    @property
    def depth(self) -> int:
        return 1 + max((one.depth for one in self.filters or ()), default=0)

    @property
    def comparisons(self) -> int:
        return sum(one.comparisons for one in self.filters) if self.filters else 1


def _takes(kind: str) -> str:
    if kind in _LISTS:
        return "a list as `value`"
    return "a number or a text as `value`" if kind in _ORDERS else "one text, number or boolean as `value`"


def _require(condition: bool, chosen: SearchFilter, what: str) -> None:
    if not condition:
        raise ValueError(f"`{chosen.type}` takes {what}")


def _bounded(chosen: SearchFilter) -> SearchFilter:
    if chosen.depth > MAX_DEPTH:
        raise ValueError(f"filters may be combined {MAX_DEPTH} deep; these are {chosen.depth} deep")
    if chosen.comparisons > MAX_COMPARISONS:
        raise ValueError(f"a filter may hold {MAX_COMPARISONS} comparisons; this one holds {chosen.comparisons}")
    return chosen


type BoundedFilter = Annotated[SearchFilter, AfterValidator(_bounded)]
"""A whole filter, as a request carries it."""
