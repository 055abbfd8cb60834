"""The two ranked queries over one partition, run side by side. They are fused elsewhere.

TOP is a literal, as the service demands of a ranking; everything that comes from outside is a parameter.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.adapters.cosmos import lexical, passages
from shared.adapters.cosmos.filters import Condition
from shared.adapters.cosmos.operations import Item
from shared.adapters.cosmos.partition import Answer, Partition
from shared.adapters.cosmos.visibility import View
from shared.ports.chunks import Candidates, Chunk
from shared.ports.filters import Filter

_DOCUMENTS_A_QUERY = 1000
"""A query with its parameters may have 512 KB; a document's id has some 60 characters."""

_COLUMNS = "c.document, c.generation, c.chunk, c.embedding"
_DISTANCE = "VectorDistance(c.embedding, @vector)"
_BY_VECTOR = "SELECT TOP {top} {columns}, {distance} AS score FROM c WHERE {conditions} ORDER BY {distance}"
_BY_TEXT = """
SELECT TOP {top} {columns}, c.text FROM c WHERE {conditions} AND FullTextContainsAny(c.text, {terms})
ORDER BY RANK FullTextScore(c.text, {terms})
"""
_READABLE = "(c.open = true OR EXISTS(SELECT VALUE r FROM r IN c.readers WHERE ARRAY_CONTAINS(@readers, r)))"

type Hits = tuple[tuple[Chunk, float], ...]


@dataclass(frozen=True, slots=True)
class Query:
    vector: Sequence[float]
    terms: Sequence[str]
    principals: Sequence[str]
    top: int
    document_ids: Sequence[str] | None
    filters: Filter | None


@dataclass(frozen=True, slots=True)
class Found:
    """What both queries gave: items with their scores, best first."""

    by_vector: Sequence[tuple[Item, float]]
    by_text: Sequence[tuple[Item, float]]
    charge: float

    def items(self) -> Sequence[Item]:
        return [item for item, _ in (*self.by_vector, *self.by_text)]

    def candidates(self, charge: float) -> Candidates:
        return Candidates(_hits(self.by_vector), _hits(self.by_text), charge)


@dataclass(slots=True)
class _Filter:
    conditions: list[str] = field(default_factory=lambda: ["c.kind = @kind"])
    parameters: dict[str, object] = field(default_factory=lambda: dict[str, object](kind="chunk"))

    def add(self, condition: str, **parameters: object) -> None:
        self.conditions.append(condition)
        self.parameters |= parameters


async def run(partition: Partition, query: Query, view: View) -> Found:
    filters = [_filter(query, view, ids) for ids in _groups(query.document_ids)]
    by_vector, by_text = await asyncio.gather(
        asyncio.gather(*(_by_vector(partition, query, one) for one in filters)),
        asyncio.gather(*(_by_text(partition, query, one) for one in filters if query.terms)),
    )
    charge = sum(answer.charge for answer in (*by_vector, *by_text))
    near = [(item, item.get("score") or 0.0) for answer in by_vector for item in answer.items]
    matching = [hit for answer in by_text for hit in _scored(answer, query.terms)]
    return Found(_best(near, query.top), _best(matching, query.top), charge)


async def _by_vector(partition: Partition, query: Query, chosen: _Filter) -> Answer:
    conditions = " AND ".join(chosen.conditions)
    sql = _BY_VECTOR.format(top=query.top, columns=_COLUMNS, distance=_DISTANCE, conditions=conditions)
    return await partition.ranked(sql, {**chosen.parameters, "vector": query.vector})


async def _by_text(partition: Partition, query: Query, chosen: _Filter) -> Answer:
    named = {f"term{number}": term for number, term in enumerate(query.terms)}
    terms = ", ".join(f"@{name}" for name in named)
    conditions = " AND ".join(chosen.conditions)
    sql = _BY_TEXT.format(top=query.top, columns=_COLUMNS, conditions=conditions, terms=terms)
    return await partition.ranked(sql, {**chosen.parameters, **named})


def _filter(query: Query, view: View, document_ids: Sequence[str] | None) -> _Filter:
    """Who asks, which documents, and for each document that moves the generation that is live."""
    chosen = _Filter()
    if query.principals:
        chosen.add(_READABLE, readers=sorted(set(query.principals)))
    else:
        chosen.add("c.open = true")
    if document_ids is not None:
        chosen.add("ARRAY_CONTAINS(@documents, c.document)", documents=document_ids)
    if query.filters is not None:
        condition = Condition(query.filters)
        chosen.add(condition.sql, **condition.parameters)
    hidden = sorted(document for document, entry in view.moving.items() if entry.live is None)
    if hidden:
        chosen.add("NOT ARRAY_CONTAINS(@hidden, c.document)", hidden=hidden)
    live = {document: entry.live for document, entry in view.moving.items() if entry.live is not None}
    for number, (document, generation) in enumerate(live.items()):
        values: Mapping[str, object] = {f"document{number}": document, f"generation{number}": generation}
        chosen.add(f"(c.document != @document{number} OR c.generation = @generation{number})", **values)
    return chosen


def _groups(document_ids: Sequence[str] | None) -> Iterable[Sequence[str] | None]:
    if document_ids is None:
        return [None]
    ids = list(dict.fromkeys(document_ids))
    return [ids[start : start + _DOCUMENTS_A_QUERY] for start in range(0, len(ids), _DOCUMENTS_A_QUERY)]


def _scored(answer: Answer, terms: Sequence[str]) -> Iterable[tuple[Item, float]]:
    return zip(answer.items, lexical.scores([item["text"] for item in answer.items], terms), strict=True)


def _best(hits: Sequence[tuple[Item, float]], top: int) -> Sequence[tuple[Item, float]]:
    return sorted(hits, key=lambda hit: hit[1], reverse=True)[:top]


def _hits(hits: Sequence[tuple[Item, float]]) -> Hits:
    return tuple((passages.chunk(item), score) for item, score in hits)
