"""Chunks of documents, and the two ranked searches over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.ports.filters import Filter
from shared.ports.records import Attribute

STRIDE = 1_000_000
"""Ordinals grow by one within a part of a document, and begin with a multiple of this in each: no part needs to know
another."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One passage. Spans are characters of the extracted text, end exclusive; pages count from 1, None if pageless.

    `acl` lists the principals that may read it; empty means everyone in the tenant. `attributes` are the document's,
    the same in every chunk of a generation: what changes either is a new generation.
    """

    id: str
    tenant: str
    store_id: str
    document_id: str
    file_id: str
    filename: str
    generation: int
    ordinal: int
    text: str
    embedding: tuple[float, ...]
    tokens: int
    char_start: int
    char_end: int
    page_start: int | None = None
    page_end: int | None = None
    headings: tuple[str, ...] = ()
    acl: tuple[str, ...] = ()
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])


@dataclass(frozen=True, slots=True)
class Candidates:
    """Chunks of live generations only, both lists best first, from one view of the store.

    Each hit is (chunk, score): cosine similarity for `by_vector`, BM25 (higher is better) for `by_text`.
    """

    by_vector: tuple[tuple[Chunk, float], ...]
    by_text: tuple[tuple[Chunk, float], ...]
    cost: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one document: the newest generation that was published or retired, and the visible one; None before any."""

    newest: int | None
    live: int | None


class Chunks(Protocol):
    """A document is visible in exactly one generation, or none, at every moment (STORES, "Generations").

    Generations only grow: `publish` and `retire` of a generation below the newest published or retired one do nothing
    and return False, so a run that was overtaken cannot undo its successor.
    """

    async def put(self, chunks: Sequence[Chunk]) -> None:
        """Write chunks of one document and one generation, unseen until published. Idempotent by chunk id.

        `embedding` must have the store's dimensions: InvalidRequestError otherwise.
        """
        ...

    async def publish(self, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
        """Make this generation the visible one, atomically."""
        ...

    async def retire(self, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
        """Make the document invisible as of this generation."""
        ...

    async def standing(self, tenant: str, store_id: str, document_id: str) -> Standing:
        """What `publish` and `retire` have made of a document."""
        ...

    async def sweep(self, tenant: str, store_id: str, document_id: str) -> int:
        """Delete the chunks that no search can see any more: those of generations below the newest published or
        retired one, and that one's own if it was retired. Return how many."""
        ...

    async def unswept(self, tenant: str, store_id: str) -> Sequence[str]:
        """Documents that may have chunks which no search can see, in no order: also those being indexed right now."""
        ...

    async def drop_store(self, tenant: str, store_id: str) -> None:
        """Delete everything of one vector store."""
        ...

    async def list(self, tenant: str, store_id: str, document_id: str) -> Sequence[Chunk]:
        """The visible chunks of one document, in order."""
        ...

    async def search(
        self,
        tenant: str,
        store_id: str,
        *,
        vector: Sequence[float],
        text: str,
        principals: Sequence[str],
        limit: int,
        document_ids: Sequence[str] | None = None,
        filters: Filter | None = None,
    ) -> Candidates:
        """The nearest and the best matching chunks, at most `limit` of each.

        A chunk with an ACL is seen only by a caller who holds one of its principals. `document_ids` narrows to those,
        `filters` to documents whose attributes they hold for (`ports.filters.holds`); neither uses up the limit.
        `text` is what a person typed, in any language; no syntax in it has a meaning.
        """
        ...
