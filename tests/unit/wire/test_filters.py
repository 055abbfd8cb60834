"""Filters of a search: OpenAI's shapes are understood, and what is wrong with others is said."""

import json
from typing import Any

import pytest

from shared.errors import InvalidRequestError
from shared.ports.filters import Combined, OneOf, Ordered
from shared.retrieval.filters import filter_of
from shared.wire.filters import MAX_COMPARISONS, MAX_DEPTH, MAX_VALUES
from shared.wire.validation import parse_body
from shared.wire.vector_stores import SearchBody

EQUAL = {"type": "eq", "key": "k", "value": 1}


def nested(depth: int) -> dict[str, Any]:
    return EQUAL if depth == 1 else {"type": "and", "filters": [nested(depth - 1)]}


def parsed(filters: object) -> Any:
    body = parse_body(SearchBody, json.dumps({"query": "x", "filters": filters}).encode())
    return None if body.filters is None else filter_of(body.filters)


@pytest.mark.parametrize(
    ("filters", "meant"),
    [
        (None, None),
        (EQUAL, OneOf("k", (1.0,))),
        ({"type": "eq", "key": "k", "value": True}, OneOf("k", (True,))),
        ({"type": "ne", "key": "k", "value": "1"}, OneOf("k", ("1",), negated=True)),
        ({"type": "in", "key": "k", "value": ["a", 2, False]}, OneOf("k", ("a", 2.0, False))),
        ({"type": "nin", "key": "k", "value": [""]}, OneOf("k", ("",), negated=True)),
        ({"type": "gt", "key": "k", "value": 1.5}, Ordered("k", "gt", 1.5)),
        ({"type": "lte", "key": "k", "value": "2024-01-01"}, Ordered("k", "lte", "2024-01-01")),
        ({"type": "or", "filters": [EQUAL, EQUAL]}, Combined("or", (OneOf("k", (1.0,)), OneOf("k", (1.0,))))),
        ({"type": "and", "filters": [nested(2)]}, Combined("and", (Combined("and", (OneOf("k", (1.0,)),)),))),
    ],
)
def test_openai_s_filters_are_understood(filters: object, meant: object) -> None:
    found = parsed(filters)
    assert found == meant
    if isinstance(meant, OneOf):
        assert [type(one) for one in found.values] == [type(one) for one in meant.values]


def test_filters_may_be_as_deep_and_as_many_as_the_limits() -> None:
    assert parsed(nested(MAX_DEPTH))
    assert parsed({"type": "or", "filters": [EQUAL] * MAX_COMPARISONS})
    assert parsed({"type": "in", "key": "k", "value": list(range(MAX_VALUES))})


@pytest.mark.parametrize(
    ("filters", "param", "message"),
    [
        ([], "filters", "object"),
        ("x", "filters", "object"),
        ({}, "filters.type", "Field required"),
        ({"type": "like", "key": "k", "value": 1}, "filters.type", "'like'"),
        ({"type": "eq", "key": "k"}, "filters", "`eq` takes `key` and `value`"),
        ({"type": "eq", "value": 1}, "filters", "`eq` takes `key` and `value`"),
        ({"type": "eq", "key": "k", "value": 1, "filters": [EQUAL]}, "filters", "and no more"),
        ({"type": "eq", "key": "k", "value": 1, "also": 1}, "filters.also", "Extra"),
        ({"type": "eq", "key": "", "value": 1}, "filters.key", "at least 1"),
        ({"type": "eq", "key": "k" * 65, "value": 1}, "filters.key", "at most 64"),
        ({"type": "eq", "key": 7, "value": 1}, "filters.key", "string"),
        ({"type": "eq", "key": "k", "value": None}, "filters.value", "a text of at most 512"),
        ({"type": "eq", "key": "k", "value": {"a": 1}}, "filters.value", "a text of at most 512"),
        ({"type": "eq", "key": "k", "value": "v" * 513}, "filters.value", "a text of at most 512"),
        ({"type": "eq", "key": "k", "value": float("inf")}, "filters.value", "a finite number"),
        ({"type": "eq", "key": "k", "value": float("nan")}, "filters.value", "a finite number"),
        ({"type": "eq", "key": "k", "value": 10**400}, "filters.value", "a finite number"),
        ({"type": "eq", "key": "k", "value": [1]}, "filters", "`eq` takes one"),
        ({"type": "gt", "key": "k", "value": True}, "filters", "`gt` takes a number or a text"),
        ({"type": "lt", "key": "k", "value": [1]}, "filters", "`lt` takes a number or a text"),
        ({"type": "in", "key": "k", "value": 1}, "filters", "`in` takes a list"),
        ({"type": "in", "key": "k", "value": []}, "filters.value", "holds 0"),
        ({"type": "nin", "key": "k", "value": [1] * (MAX_VALUES + 1)}, "filters.value", f"holds {MAX_VALUES + 1}"),
        ({"type": "in", "key": "k", "value": [[1]]}, "filters.value", "a text of at most 512"),
        ({"type": "and"}, "filters", "`and` takes `filters`"),
        ({"type": "and", "filters": []}, "filters.filters", "at least 1"),
        ({"type": "or", "filters": [EQUAL], "key": "k"}, "filters", "`or` takes `filters`"),
        ({"type": "or", "filters": [{"type": "eq"}]}, "filters.filters.0", "`eq` takes"),
        (nested(MAX_DEPTH + 1), "filters", f"{MAX_DEPTH + 1} deep"),
        ({"type": "or", "filters": [EQUAL] * (MAX_COMPARISONS + 1)}, "filters.filters", "at most 100"),
        ({"type": "or", "filters": [{"type": "or", "filters": [EQUAL] * 60}] * 2}, "filters", "holds 120"),
    ],
)
def test_what_is_wrong_with_a_filter_is_said(filters: object, param: str, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parsed(filters)
    assert refused.value.param == param
    assert message in str(refused.value)


def test_a_filter_of_endless_depth_is_refused_like_any_other() -> None:
    raw = b'{"query": "x", "filters": ' + b'{"type": "and", "filters": [' * 5000 + b"]}" * 5000 + b"}"
    with pytest.raises(InvalidRequestError):
        parse_body(SearchBody, raw)
