"""Our query templates are in the documented language; what would be wrong to send is refused by the fake."""

import itertools

import pytest

from shared.adapters.cosmos import cache, chunks, conversations, records, search, usage
from shared.adapters.cosmos.filters import Condition
from shared.adapters.cosmos.visibility import State
from shared.ports.filters import Combined, OneOf, Ordered
from tests.cosmos.fake.answers import RefusalError
from tests.cosmos.fake.evaluation import holds, run
from tests.cosmos.fake.grammar import parse

ITEMS = [
    {"id": "a", "n": 1, "text": "red fish", "v": [1.0, 0.0], "tags": ["x"], "deep": {"er": True}},
    {"id": "b", "n": 2, "text": "blue fish fish", "v": [0.0, 1.0], "tags": []},
    {"id": "c", "n": None, "text": "bird"},
]


def found(sql: str, **parameters: object) -> list[str]:
    bound = {f"@{name}": value for name, value in parameters.items()}
    return [item["id"] for item in run(sql, bound, ITEMS).items]


def where(condition: str, **parameters: object) -> list[str]:
    return found(f"SELECT * FROM c WHERE {condition}", **parameters)


MEANT = Condition(
    Combined("and", (OneOf("k", ("x",), negated=True), Combined("or", (OneOf("k", (1,)), Ordered("n", "gte", 2)))))
)
FILTERS = (
    search._READABLE,
    "ARRAY_CONTAINS(@documents, c.document)",
    "NOT ARRAY_CONTAINS(@hidden, c.document)",
    MEANT.sql,
)
RANKED = {"top": 5, "columns": search._COLUMNS, "distance": search._DISTANCE, "terms": "@term0, @term1"}
CONDITIONS = [
    " AND ".join(chosen) for length in range(1, len(FILTERS) + 1) for chosen in itertools.combinations(FILTERS, length)
]
TEMPLATES = [
    chunks._LIST,
    chunks._ALL_BUT_LIVE,
    chunks._OF_KIND,
    cache._GET,
    conversations._LIST.format(limit=3, direction="DESC"),
    conversations._EVERY.format(limit=3),
    usage._BY_HOUR,
    usage._BY_MINUTE,
    *(
        records._LIST.format(limit=3, conditions=conditions, direction=direction)
        for conditions in ("c.type = @type", "c.type = @type AND c.key > @low AND c.record.state = @state_wanted")
        for direction in ("ASC", "DESC")
    ),
    *(
        template.format(**RANKED, conditions=one)
        for template in (search._BY_VECTOR, search._BY_TEXT)
        for one in CONDITIONS
    ),
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_of_the_grammar(template: str) -> None:
    parse(template)


@pytest.mark.parametrize("live", [None, 0, 7])
def test_every_predicate_is_of_the_grammar_and_means_what_it_says(live: int | None) -> None:
    state = State(newest=7, live=live, moving=True, etag="e")
    assert holds(state.unchanged, {"newest": 7, "live": live})
    assert not holds(state.unchanged, {"newest": 8, "live": live})
    assert not holds(state.unchanged, {"newest": 7, "live": 3})


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT",
        "DELETE FROM c",
        "SELECT * FROM c WHERE c.n = 1; SELECT * FROM c",
        "SELECT TOP @n * FROM c",
        "SELECT * FROM c ORDER BY RANK FullTextScore(c.text)",
        "SELECT FullTextScore(c.text, @a) FROM c",
        "SELECT * FROM c WHERE c.n == 1",
        "SELECT * FROM c -- comment",
        "SELECT * FROM c ORDER BY VectorDistance(c.v, @v) LIMIT 5",
    ],
)
def test_what_the_language_does_not_know_is_refused(sql: str) -> None:
    with pytest.raises(RefusalError) as caught:
        parse(sql)
    assert caught.value.status == 400


@pytest.mark.parametrize("top", ["", "TOP 1001"])
@pytest.mark.parametrize("order", ["VectorDistance(c.v, @v)", "RANK FullTextScore(c.text, @t)"])
def test_a_ranking_without_a_small_literal_top_is_refused(top: str, order: str) -> None:
    with pytest.raises(RefusalError):
        found(f"SELECT {top} * FROM c ORDER BY {order}", v=[1.0, 0.0], t="fish")


def test_a_parameter_without_a_value_is_refused() -> None:
    with pytest.raises(RefusalError):
        where("c.n = @missing")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("c.n = 1", "a"),
        ("c.n != 1", "bc"),
        ("c.n >= 1", "ab"),
        ("c.n < 2", "a"),
        ("c.n = null", "c"),
        ("c.nothing = null", ""),
        ("NOT c.nothing = 1", ""),
        ("NOT c.n = 1", "bc"),
        ("c.deep.er = true", "a"),
        ("c.deep.er = false", ""),
        ("c.text.er = true", ""),
        ('c.id = "b"', "b"),
        ('c.id = "b" OR c.n = 1', "ab"),
        ("IS_DEFINED(c.tags)", "ab"),
        ("ARRAY_CONTAINS(c.tags, @x)", "a"),
        ("ARRAY_CONTAINS(@ids, c.id)", "ac"),
        ("EXISTS(SELECT VALUE t FROM t IN c.tags WHERE t = @x)", "a"),
        ("FullTextContainsAny(c.text, @fish, @none)", "ab"),
        ("(c.n = 1 OR c.n = 2) AND NOT ARRAY_CONTAINS(@ids, c.id)", "b"),
    ],
)
def test_conditions_mean_what_they_mean_to_the_service(condition: str, expected: str) -> None:
    assert where(condition, x="x", ids=["a", "c"], fish="FISH", none="none") == list(expected)


def test_orders_and_columns() -> None:
    assert found("SELECT * FROM c WHERE c.n >= 1 ORDER BY c.n DESC") == ["b", "a"]
    assert found("SELECT TOP 2 c.id FROM c ORDER BY RANK FullTextScore(c.text, @fish)", fish="fish") == ["b", "a"]
    distance, columns = "VectorDistance(c.v, @v)", "c.id, VectorDistance(c.v, @v) AS score"
    near = run(f"SELECT TOP 9 {columns} FROM c ORDER BY {distance}", {"@v": [1.0, 0.0]}, ITEMS)
    assert near.items == [{"id": "a", "score": 1.0}, {"id": "b", "score": 0.0}]
    unmeasured = run(f"SELECT {columns} FROM c WHERE c.id = @id", {"@v": [1.0], "@id": "c"}, ITEMS)
    assert unmeasured.items == [{"id": "c"}]
