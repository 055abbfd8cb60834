"""From ranked lists of chunks to passages: reciprocal rank fusion, one of each text, neighbours made whole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.ports.chunks import STRIDE, Chunk

_K = 60

_WHITE_SPACE = 8
"""Characters between the passages of two parts: passages leave out what is white, and are longer than this."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much the rank by meaning and the rank by words count."""

    vector: float = 1.0
    text: float = 1.0


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk with its fused score, 1 for the first of every list. `similarity` is its cosine, None if unknown."""

    chunk: Chunk
    score: float
    similarity: float | None


@dataclass(frozen=True, slots=True)
class Passage:
    """What a search found: one chunk, or several of one document that follow one another.

    Spans are of the extracted document, from the first chunk to the last; `score` and `similarity` are of the best.
    """

    chunk_ids: tuple[str, ...]
    store_id: str
    document_id: str
    file_id: str
    filename: str
    text: str
    tokens: int
    char_start: int
    char_end: int
    page_start: int | None
    page_end: int | None
    headings: tuple[str, ...]
    score: float
    similarity: float | None
    pieces: tuple[tuple[int, int], ...] = ()
    """Where each chunk's text begins: in `text`, and in the document. None is one piece."""

    def place_of(self, position: int) -> int:
        """The character of the document that stands at a position of `text`."""
        begin, place = next((one for one in reversed(self.pieces) if one[0] <= position), (0, self.char_start))
        return place + position - begin


@dataclass(frozen=True, slots=True)
class RankedList:
    """Chunk ids, best first, and what their ranks weigh."""

    ids: Sequence[str]
    weight: float


def fused_scores(lists: Sequence[RankedList]) -> dict[str, float]:
    """Reciprocal rank fusion (Cormack et al., 2009), so scaled that the first of every list scores 1."""
    best = sum(ranked.weight for ranked in lists) / (_K + 1) or 1.0
    scores: dict[str, float] = {}
    for ranked in lists:
        for rank, chunk_id in enumerate(ranked.ids, 1):
            scores[chunk_id] = scores.get(chunk_id, 0.0) + ranked.weight / (_K + rank) / best
    return scores


def merged(hits: Sequence[Hit]) -> list[Passage]:
    """Passages, best first."""
    in_order = sorted(hits, key=lambda hit: (hit.chunk.store_id, hit.chunk.document_id, hit.chunk.ordinal))
    passages: list[Passage] = []
    previous: Chunk | None = None
    for hit in in_order:
        if previous is not None and _adjacent(previous, hit.chunk):
            passages[-1] = _joined(passages[-1], _passage(hit))
        else:
            passages.append(_passage(hit))
        previous = hit.chunk
    return sorted(passages, key=lambda passage: -passage.score)


def _adjacent(one: Chunk, other: Chunk) -> bool:
    same = (one.store_id, one.document_id, one.generation) == (other.store_id, other.document_id, other.generation)
    return same and (other.ordinal == one.ordinal + 1 or _across_parts(one, other))


def _across_parts(one: Chunk, other: Chunk) -> bool:
    """The first of a part, and so near behind another that no passage lies between."""
    return other.ordinal % STRIDE == 0 and 0 <= other.char_start - one.char_end <= _WHITE_SPACE


def _passage(hit: Hit) -> Passage:
    chunk = hit.chunk
    return Passage(
        chunk_ids=(chunk.id,),
        store_id=chunk.store_id,
        document_id=chunk.document_id,
        file_id=chunk.file_id,
        filename=chunk.filename,
        text=chunk.text,
        tokens=chunk.tokens,
        char_start=chunk.char_start,
        char_end=chunk.char_end,
        page_start=chunk.page_start,
        page_end=chunk.page_end,
        headings=chunk.headings,
        score=hit.score,
        similarity=hit.similarity,
    )


def _joined(first: Passage, second: Passage) -> Passage:
    similarities = [s for s in (first.similarity, second.similarity) if s is not None]
    between, rest = _continuation(first, second)
    begin = (len(first.text) + len(between), second.char_end - len(rest))
    return replace(
        first,
        chunk_ids=first.chunk_ids + second.chunk_ids,
        text=first.text + between + rest,
        pieces=(*(first.pieces or ((0, first.char_start),)), begin),
        tokens=first.tokens + second.tokens,
        char_end=max(first.char_end, second.char_end),
        page_end=second.page_end,
        score=max(first.score, second.score),
        similarity=max(similarities, default=None),
    )


def _continuation(first: Passage, second: Passage) -> tuple[str, str]:
    """What stands between two chunks, and what the second adds: they may overlap, and leave out white space."""
    overlap = first.char_end - second.char_start
    if overlap > 0 and first.text.endswith(second.text[:overlap]):
        return "", second.text[overlap:]
    return {0: "", -1: " "}.get(overlap, "\n\n"), second.text
