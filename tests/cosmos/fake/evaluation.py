"""Queries over the items of one partition. A missing property is undefined, and what compares with it holds never."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lark import Token, Tree

from tests.cosmos.fake import ranking
from tests.cosmos.fake.answers import RefusalError
from tests.cosmos.fake.grammar import parse

type Scope = Mapping[str, Any]
type Value = Callable[[Scope], Any]

UNDEFINED = object()
MAX_TOP = 1000
_COMPARISONS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Found:
    items: list[Any]
    scanned: int
    ranked: bool


def run(sql: str, parameters: Mapping[str, Any], items: Sequence[dict[str, Any]]) -> Found:
    """Raise RefusalError for a query that the service would refuse, or that has no bound."""
    tree = parse(sql)
    parts = {part.data: part for part in tree.children if isinstance(part, Tree)}
    alias = str(parts["alias"].children[0])
    compiler = Compiler(parameters)
    holds = compiler.value(parts["where"].children[1]) if "where" in parts else lambda _: True
    matching = [item for item in items if holds({alias: item}) is True]
    top = int(parts["top"].children[1]) if "top" in parts else None
    ranked = "by_rank" in parts or "by_distance" in parts
    if ranked and (top is None or top > MAX_TOP):
        raise RefusalError(400, "A ranked query needs a TOP, and not a large one.")
    ordered = _ordered(matching, items, parts, compiler, alias)
    project = _projection(parts, compiler, alias)
    return Found([project(item) for item in ordered[:top]], len(matching), ranked)


def holds(predicate: str, item: dict[str, Any]) -> bool:
    """Whether the condition of a patch holds."""
    tree = parse(predicate, "predicate")
    alias, expression = str(tree.children[1].children[0]), tree.children[3]  # type: ignore[union-attr]
    return Compiler({}).value(expression)({alias: item}) is True


def _ordered(
    matching: list[dict[str, Any]],
    every: Sequence[dict[str, Any]],
    parts: Mapping[str, Tree],
    compiler: "Compiler",
    alias: str,
) -> list[dict[str, Any]]:
    if "by_path" in parts:
        _, _, path, direction = parts["by_path"].children
        value = compiler.value(path)
        return sorted(matching, key=lambda item: value({alias: item}), reverse=direction == "DESC")
    if "by_distance" in parts:
        value = compiler.value(parts["by_distance"].children[-1])
        measured = [item for item in matching if value({alias: item}) is not UNDEFINED]
        return sorted(measured, key=lambda item: value({alias: item}), reverse=True)
    if "by_rank" in parts:
        _, path, *terms = parts["by_rank"].children[-1].children  # type: ignore[union-attr]
        value, words = compiler.value(path), [compiler.value(term)({}) for term in terms]
        texts = [value({alias: item}) for item in every]
        scores = ranking.bm25([text if isinstance(text, str) else "" for text in texts], words)
        by_id = {item["id"]: score for item, score in zip(every, scores, strict=True)}
        return sorted(matching, key=lambda item: by_id[item["id"]], reverse=True)
    return matching


def _projection(parts: Mapping[str, Tree], compiler: "Compiler", alias: str) -> Callable[[Any], Any]:
    if "columns" not in parts:
        return lambda item: item
    columns: list[tuple[str, Value]] = []
    for column in parts["columns"].children:
        expression, *renamed = column.children  # type: ignore[union-attr]
        name = str(renamed[-1]) if renamed and renamed[-1] is not None else str(expression.children[-1])  # type: ignore[union-attr]
        columns.append((name, compiler.value(expression)))

    def project(item: Any) -> dict[str, Any]:
        values = {name: value({alias: item}) for name, value in columns}
        return {name: value for name, value in values.items() if value is not UNDEFINED}

    return project


class Compiler:
    """Turns expressions into functions of what their names stand for."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters

    def value(self, tree: Any) -> Value:
        return getattr(self, f"_{tree.data}")(*tree.children)

    def _path(self, *names: Token) -> Value:
        first, *rest = map(str, names)

        def look(scope: Scope) -> Any:
            found = scope[first]
            for name in rest:
                found = found.get(name, UNDEFINED) if isinstance(found, dict) else UNDEFINED
            return found

        return look

    def _parameter(self, name: Token) -> Value:
        if name not in self._parameters:
            raise RefusalError(400, f"The parameter {name!r} has no value.")
        value = self._parameters[str(name)]
        return lambda _: value

    def _string(self, text: Token) -> Value:
        return lambda _: text[1:-1]

    def _number(self, text: Token) -> Value:
        number = float(text)
        return lambda _: number

    def _true(self, *_: Token) -> Value:
        return lambda _: True

    def _false(self, *_: Token) -> Value:
        return lambda _: False

    def _null(self, *_: Token) -> Value:
        return lambda _: None

    def _compared(self, left: Tree, sign: Token, right: Tree) -> Value:
        one, other, compare = self.value(left), self.value(right), _COMPARISONS[str(sign)]
        equality = sign in ("=", "!=")

        def judge(scope: Scope) -> Any:
            a, b = one(scope), other(scope)
            if a is UNDEFINED or b is UNDEFINED:
                return UNDEFINED
            if _kind(a) != _kind(b):
                return sign == "!=" if equality else UNDEFINED
            return compare(a, b)

        return judge

    def _either(self, left: Tree, _: Token, right: Tree) -> Value:
        one, other = self.value(left), self.value(right)
        return lambda scope: one(scope) is True or other(scope) is True

    def _both(self, left: Tree, _: Token, right: Tree) -> Value:
        one, other = self.value(left), self.value(right)
        return lambda scope: one(scope) is True and other(scope) is True

    def _negated(self, _: Token, tree: Tree) -> Value:
        inner = self.value(tree)
        return lambda scope: inner(scope) is False

    def _exists(self, _: Token, subquery: Tree) -> Value:
        element = str(subquery.children[2])
        source, condition = self.value(subquery.children[6]), self.value(subquery.children[8])

        def look(scope: Scope) -> bool:
            members = source(scope)
            return isinstance(members, list) and any(condition({**scope, element: one}) is True for one in members)

        return look

    def _array_contains(self, _: Token, array: Tree, wanted: Tree) -> Value:
        members, value = self.value(array), self.value(wanted)
        if array.data == "parameter":
            known = frozenset((_kind(one), one) for one in members({}))
            return lambda scope: (_kind(value(scope)), value(scope)) in known
        return lambda scope: isinstance(members(scope), list) and value(scope) in members(scope)

    def _is_defined(self, _: Token, path: Tree) -> Value:
        value = self.value(path)
        return lambda scope: value(scope) is not UNDEFINED

    def _contains_any(self, _: Token, path: Tree, *terms: Tree) -> Value:
        text, wanted = self.value(path), {self.value(term)({}).casefold() for term in terms}

        def look(scope: Scope) -> bool:
            found = text(scope)
            return isinstance(found, str) and not wanted.isdisjoint(ranking.words(found))

        return look

    def _distance(self, _: Token, path: Tree, parameter: Token) -> Value:
        vector, query = self.value(path), self._parameter(parameter)({})

        def measure(scope: Scope) -> Any:
            found = vector(scope)
            return ranking.cosine(found, query) if isinstance(found, list) else UNDEFINED

        return measure


def _kind(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
