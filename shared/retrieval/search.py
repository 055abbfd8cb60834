"""Searching vector stores: by meaning and by words at once, and what counts as found."""

import asyncio
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import islice
from math import sumprod

from shared.ports.chunks import Candidates, Chunk, Chunks
from shared.ports.filters import Filter
from shared.ports.keys import Caller
from shared.ports.models import Embedder
from shared.ports.records import document_id
from shared.retrieval.duplicates import first_of_each
from shared.retrieval.fusion import Hit, Passage, RankedList, Weights, fused_scores, merged
from shared.retrieval.languages import Languages
from shared.retrieval.lifetimes import Lifetimes
from shared.retrieval.words import content_words, coverage
from shared.tracing import names, spans

_POOL = 4
"""Candidates of each list for each passage that is wanted: fusion needs to see beyond the first."""

_LEAST_POOL = 20
_FILLS_UP = 1e-9
"""A weight that orders what no other list has, and changes nothing else."""

_TELLING_PASSAGES = 3
_TELLING_CHARS = 600
"""What is read of the passages with a query's words, for the language of a query too short to tell."""


def _minilm_similarities() -> dict[int, float]:
    # all-MiniLM-L6-v2: unrelated texts lie at 0.0-0.15, related ones above 0.3.
    return {1: 0.05, 2: 0.12, 3: 0.2, 4: 0.3, 5: 0.4}


def _coverages() -> dict[int, float]:
    return {1: 0.34, 2: 0.5, 3: 0.6, 4: 0.75, 5: 1.0}


@dataclass(frozen=True, slots=True)
class Relevance:
    """What counts as found, for each strictness from 1 to 5.

    A passage is relevant if its cosine similarity to the query reaches `similarities[strictness]`, or if it holds, in
    text or headings, at least `coverages[strictness]` of the query's distinct content words (endings aside), and not
    just one of several. The second way serves languages that the embedding model does not know.
    """

    similarities: Mapping[int, float] = field(default_factory=_minilm_similarities)
    coverages: Mapping[int, float] = field(default_factory=_coverages)

    def holds(self, hit: Hit, wanted: Sequence[frozenset[str]], strictness: int) -> bool:
        if hit.similarity is not None and hit.similarity >= self.similarities[strictness]:
            return True
        text = " ".join((*hit.chunk.headings, hit.chunk.text))
        return any(_covers(words, text, self.coverages[strictness]) for words in wanted)


def _covers(words: frozenset[str], text: str, least: float) -> bool:
    share = coverage(words, text)
    return share >= least and round(share * len(words)) >= min(2, len(words))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One query, against one store."""

    text: str
    vector: tuple[float, ...]
    store_id: str


@dataclass(frozen=True, slots=True)
class _Scope:
    """Which chunks of a store may be found, and how many of each list."""

    caller: Caller
    pool: int
    file_ids: Sequence[str] | None
    filters: Filter | None


@dataclass(frozen=True, slots=True)
class Searcher:
    lifetimes: Lifetimes
    chunks: Chunks
    embedder: Embedder
    weights: Weights = field(default_factory=Weights)
    relevance: Relevance = field(default_factory=Relevance)
    languages: Languages = field(default_factory=Languages)

    @spans.traced("retrieval")
    async def search(
        self,
        caller: Caller,
        store_ids: Sequence[str],
        query: str | Sequence[str],
        *,
        limit: int,
        strictness: int | None = None,
        score_threshold: float | None = None,
        file_ids: Sequence[str] | None = None,
        filters: Filter | None = None,
        weights: Weights | None = None,
    ) -> tuple[Passage, ...]:
        """The best chunks, at most `limit`, neighbours merged into one passage; best first.

        `strictness` (1 to 5) drops what is not relevant (see Relevance), `score_threshold` what ranks low; without
        either, something is found in any store that holds something. `file_ids` narrows to those files, `filters` to
        those with such attributes. Where the embedding model does not know the language of a query, meaning only
        fills up what words have not found; `weights`, if given, count as they are.
        Raise NotFoundError for a missing store, InvalidRequestError for one that has expired, CapacityError,
        UpstreamError.
        """
        queries = (query,) if isinstance(query, str) else tuple(query)
        await self.lifetimes.used(caller.tenant, store_ids)
        embedded = await self.embedder.embed(caller, queries, source="retrieval")
        pairs = list(zip(queries, embedded.vectors, strict=True))
        asked = [_Asked(text, vector, one) for text, vector in pairs for one in store_ids]
        scope = _Scope(caller, max(_LEAST_POOL, _POOL * limit), file_ids, filters)
        found = await asyncio.gather(*(self._candidates(one, scope) for one in asked))
        answered = list(zip(asked, found, strict=True))
        known = {text for text in queries if weights is not None or self._knows(text, answered)}
        hits = _ranked(answered, {text: self._weights(weights, text in known) for text in queries}, known)
        if strictness is not None:
            wanted = [content_words(text) for text in queries]
            hits = [hit for hit in hits if self.relevance.holds(hit, wanted, strictness)]
        if score_threshold is not None:
            hits = [hit for hit in hits if hit.score >= score_threshold]
        distinct = first_of_each((hit.chunk.text, hit) for hit in hits)
        passages = tuple(merged(list(islice(distinct, limit))))
        spans.note({names.OPERATION: "retrieval", names.TENANT: caller.tenant, names.PASSAGES: len(passages)})
        return passages

    async def _candidates(self, asked: _Asked, scope: _Scope) -> Candidates:
        files = scope.file_ids
        return await self.chunks.search(
            scope.caller.tenant,
            asked.store_id,
            vector=asked.vector,
            text=asked.text,
            principals=scope.caller.principals,
            limit=scope.pool,
            document_ids=None if files is None else [document_id(asked.store_id, file_id) for file_id in files],
            filters=scope.filters,
        )

    def _knows(self, text: str, found: Sequence[tuple[_Asked, Candidates]]) -> bool:
        """Whether the embedding model knows the language of a query."""
        best = _best_of([candidates.by_text for asked, candidates in found if asked.text == text])
        return self.languages.know(text, [chunk.text[:_TELLING_CHARS] for chunk in best[:_TELLING_PASSAGES]])

    def _weights(self, given: Weights | None, known: bool) -> Weights:
        weights = given or self.weights
        return weights if known else replace(weights, vector=weights.vector * _FILLS_UP)


def _ranked(found: Sequence[tuple[_Asked, Candidates]], weights: Mapping[str, Weights], known: Set[str]) -> list[Hit]:
    """All hits, best first. Lists of several stores are merged by score first: to be the best of a poor store earns
    nothing. `known` are the queries in languages that the model knows."""
    lists: list[RankedList] = []
    for text, weigh in weights.items():
        answers = [candidates for asked, candidates in found if asked.text == text]
        lists.append(RankedList([chunk.id for chunk in _best_of([a.by_vector for a in answers])], weigh.vector))
        lists.append(RankedList([chunk.id for chunk in _best_of([a.by_text for a in answers])], weigh.text))
    chunks = {chunk.id: chunk for _, c in found for chunk, _ in (*c.by_vector, *c.by_text)}
    similarities = _similarities([one for one in found if one[0].text in known])
    hits = [Hit(chunks[i], score, similarities.get(i)) for i, score in fused_scores(lists).items()]
    return sorted(hits, key=lambda hit: (-hit.score, -(hit.similarity or 0.0), hit.chunk.id))


def _best_of(lists: Sequence[Sequence[tuple[Chunk, float]]]) -> list[Chunk]:
    return [chunk for chunk, _ in sorted((hit for one in lists for hit in one), key=lambda hit: -hit[1])]


def _similarities(found: Sequence[tuple[_Asked, Candidates]]) -> dict[str, float]:
    """The cosine to the nearest query; worked out where only the words were found. Vectors are of unit length.

    For queries in a language that the model knows: in others it says nothing.
    """
    known: dict[str, float] = {}
    for asked, candidates in found:
        scores = {chunk.id: score for chunk, score in candidates.by_vector}
        for chunk, _ in candidates.by_text:
            if chunk.embedding:
                scores.setdefault(chunk.id, sumprod(asked.vector, chunk.embedding))
        known |= {i: max(score, known.get(i, score)) for i, score in scores.items()}
    return known
