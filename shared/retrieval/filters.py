"""From a filter on the wire to what the stores understand."""

from shared.ports.filters import Combined, Filter, OneOf, Ordered
from shared.wire.filters import SearchFilter


def filter_of(chosen: SearchFilter) -> Filter:
    match chosen.type:
        case "and" | "or" as how:
            return Combined(how, tuple(map(filter_of, chosen.filters or ())))
        case "gt" | "gte" | "lt" | "lte" as order:
            return Ordered(chosen.key or "", order, chosen.values[0])
        case "eq" | "in" | "ne" | "nin" as how:
            return OneOf(chosen.key or "", chosen.values, negated=how in ("ne", "nin"))
