"""A made-up collection for the search benchmark, the same every time: passages with vectors, words and readers.

Passages and questions belong to topics. A topic has a centre that its vectors scatter around as far as a sentence
embedder's do, and words of its own among words by Zipf's law; a few topics hold many passages, many hold few. Isotropic
scatter is the hard case for a search that approximates: inside a topic nothing is much nearer than the rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float32]
type Ranks = NDArray[np.int64]

DIMENSIONS = 384
TEAMS = 20
CALLER_TEAMS = ("team-3", "team-7", "team-8", "team-12", "team-17")
DOCUMENT_CHUNKS = 20

_SEED = 20_26
_BATCH = 5_000
_TOPICS = 1_000
_SCATTER = 0.9  # cosine to the centre of about 0.74, between two of a topic about 0.55
_VOCABULARY = 50_000
_TOPIC_WORDS = 60
_FIRST_TOPIC_WORD = 500
_WORDS = 150
_OF_TOPIC = 60
_COMMONEST = 12
_SYLLABLES = [consonant + vowel for consonant in "bcdfghjklmnprstvwxyz" for vowel in "aeiou"]


@dataclass(frozen=True, slots=True)
class Document:
    """Passages that are written together. `team` is the only one that may read them, None for everyone."""

    number: int
    team: str | None
    vectors: Floats
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """`keywords` are rare words only; `sentence` has them among the commonest, as people type."""

    vector: Floats
    keywords: str
    sentence: str


def documents(chunks: int) -> Iterator[Document]:
    """So many passages, in documents of `DOCUMENT_CHUNKS`."""
    for batch, first in enumerate(range(0, chunks, _BATCH)):
        rng = np.random.default_rng([_SEED, batch])
        topics = _topics_of(rng, min(_BATCH, chunks - first))
        vectors, texts = _near(rng, topics), _texts(rng, topics)
        for start in range(0, len(topics), DOCUMENT_CHUNKS):
            number = (first + start) // DOCUMENT_CHUNKS
            part = slice(start, start + DOCUMENT_CHUNKS)
            yield Document(number, _team(number), vectors[part], tuple(texts[part]))


def questions(count: int) -> list[Question]:
    rng = np.random.default_rng([_SEED, 10**6])
    topics = _topics_of(rng, count)
    common = rng.integers(0, _COMMONEST, (count, 4))
    rare = [[*rng.choice(_centres().words[topic], 4, replace=False)] for topic in topics]
    return [
        Question(vector, _joined(words), _joined([*frame[:2], *words[:2], *frame[2:], *words[2:]]))
        for vector, words, frame in zip(_near(rng, topics), rare, common, strict=True)
    ]


def may_read(document: Document) -> bool:
    return document.team is None or document.team in CALLER_TEAMS


class Exact:
    """The true nearest passages of each question, kept while documents go by."""

    def __init__(self, asked: list[Question], count: int) -> None:
        self._asked = np.stack([question.vector for question in asked])
        self._count = count
        self._scores = np.full((len(asked), 0), -1.0, np.float32)
        self._ids = np.zeros((len(asked), 0), np.int64)

    def see(self, document: Document) -> None:
        if not may_read(document):
            return
        ids = document.number * DOCUMENT_CHUNKS + np.arange(len(document.texts))
        self._scores = np.hstack([self._scores, self._asked @ document.vectors.T])
        self._ids = np.hstack([self._ids, np.tile(ids, (len(self._asked), 1))])
        if self._scores.shape[1] > 50 * DOCUMENT_CHUNKS:
            self._cut()

    def nearest(self) -> list[list[int]]:
        """The numbers of passages, counted through all documents, best first."""
        self._cut()
        return self._ids.tolist()

    def _cut(self) -> None:
        best = np.argsort(-self._scores, axis=1, kind="stable")[:, : self._count]
        self._scores = np.take_along_axis(self._scores, best, 1)
        self._ids = np.take_along_axis(self._ids, best, 1)


@dataclass(frozen=True, slots=True)
class _Topics:
    centres: Floats
    words: Ranks
    shares: NDArray[np.float64]
    zipf: NDArray[np.float64]


@cache
def _centres() -> _Topics:
    rng = np.random.default_rng(_SEED)
    centres = _unit(rng.standard_normal((_TOPICS, DIMENSIONS), np.float32))
    words = rng.integers(_FIRST_TOPIC_WORD, _VOCABULARY, (_TOPICS, _TOPIC_WORDS))
    shares = 1 / (np.arange(_TOPICS) + 10)
    zipf = 1 / (np.arange(_VOCABULARY) + 2.7)
    return _Topics(centres, words, shares / shares.sum(), np.cumsum(zipf) / zipf.sum())


def _topics_of(rng: np.random.Generator, count: int) -> Ranks:
    return rng.choice(_TOPICS, count, p=_centres().shares)


def _near(rng: np.random.Generator, topics: Ranks) -> Floats:
    scatter = rng.standard_normal((len(topics), DIMENSIONS), np.float32) / np.float32(DIMENSIONS**0.5)
    return _unit(_centres().centres[topics] + _SCATTER * scatter)


def _unit(vectors: Floats) -> Floats:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _texts(rng: np.random.Generator, topics: Ranks) -> list[str]:
    common = np.searchsorted(_centres().zipf, rng.random((len(topics), _WORDS - _OF_TOPIC)))
    own = _centres().words[topics[:, None], rng.integers(0, _TOPIC_WORDS, (len(topics), _OF_TOPIC))]
    return [_joined(ranks) for ranks in rng.permuted(np.hstack([common, own]), axis=1)]


def _joined(ranks: "Ranks | list[np.int64]") -> str:
    words = _vocabulary()
    return " ".join([words[rank] for rank in ranks])


@cache
def _vocabulary() -> list[str]:
    """Words of two syllables for the commonest, three for the others."""
    base = len(_SYLLABLES)
    words: list[str] = []
    for rank in range(_VOCABULARY):
        left, word = rank + base, ""
        while left:
            left, syllable = divmod(left, base)
            word += _SYLLABLES[syllable]
        words.append(word)
    return words


def _team(number: int) -> str | None:
    """Every second document is one team's."""
    return None if number % 2 else f"team-{number // 2 % TEAMS}"
