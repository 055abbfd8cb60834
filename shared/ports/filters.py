"""Filters on the attributes of documents, as OpenAI's vector store search has them, and what they mean.

OpenAI documents the operators and leaves open what a missing attribute is. Here an attribute is equal to a value only
if it is there, of the same type (text, number or boolean; 1 is not true) and the same; `ne` and `nin` are the exact
opposites of `eq` and `in`, so they hold where the attribute is missing. An order is only between two numbers or two
texts, by code points; whatever cannot be compared does not hold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any, Literal

from shared.ports.records import Attribute

Order = Literal["gt", "gte", "lt", "lte"]
Kind = Literal["boolean", "number", "text"]


@dataclass(frozen=True, slots=True)
class OneOf:
    """The attribute is one of these values; `negated`, it is none of them, or missing."""

    key: str
    values: tuple[Attribute, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Ordered:
    """The attribute lies on this side of a number or a text."""

    key: str
    order: Order
    value: float | str


@dataclass(frozen=True, slots=True)
class Combined:
    """All of the filters hold, or any of them. There is at least one."""

    how: Literal["and", "or"]
    filters: tuple["Filter", ...]


type Filter = OneOf | Ordered | Combined

_COMPARE: Mapping[Order, Callable[[Any, Any], bool]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}


def kind_of(value: Attribute) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def holds(chosen: Filter, attributes: Mapping[str, Attribute]) -> bool:
    """Whether a document with these attributes is meant: what every adapter's query has to agree with."""
    match chosen:
        case Combined(how, filters):
            return (all if how == "and" else any)(holds(one, attributes) for one in filters)
        case OneOf(key, values, negated):
            value = attributes.get(key)
            return negated is not (value is not None and any(_same(value, wanted) for wanted in values))
        case Ordered(key, order, wanted):
            value = attributes.get(key)
            return value is not None and kind_of(value) == kind_of(wanted) and _COMPARE[order](value, wanted)


def _same(one: Attribute, other: Attribute) -> bool:
    return kind_of(one) == kind_of(other) and one == other
