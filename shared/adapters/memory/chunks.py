"""Chunks in dictionaries, searched from end to end."""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from shared.adapters.memory import lexical
from shared.errors import InvalidRequestError, TooLargeError
from shared.ports import filters as attribute_filters
from shared.ports.chunks import Candidates, Chunk, Standing
from shared.ports.filters import Filter
from shared.ports.records import MAX_RECORD_BYTES

type Hits = tuple[tuple[Chunk, float], ...]


@dataclass(slots=True)
class _Partition:
    """One vector store. `newest` is the newest generation that was published or retired; `live` lists the visible."""

    chunks: dict[str, Chunk] = field(default_factory=dict[str, Chunk])
    newest: dict[str, int] = field(default_factory=dict[str, int])
    live: dict[str, int] = field(default_factory=dict[str, int])

    def advance(self, document_id: str, generation: int) -> bool:
        if generation < self.newest.get(document_id, generation):
            return False
        self.newest[document_id] = generation
        return True

    def visible(self, chunk: Chunk) -> bool:
        return self.live.get(chunk.document_id) == chunk.generation


class MemoryChunks:
    """Implements `Chunks`, exactly but without stemming. Embeddings are kept in 32 bits."""

    def __init__(self, *, dimensions: int) -> None:
        self._dimensions = dimensions
        self._partitions: defaultdict[tuple[str, str], _Partition] = defaultdict(_Partition)

    async def put(self, chunks: Sequence[Chunk]) -> None:
        if len({(chunk.tenant, chunk.store_id, chunk.document_id, chunk.generation) for chunk in chunks}) > 1:
            raise InvalidRequestError("Chunks are put for one document and one generation at a time.")
        kept = [replace(_checked(chunk), embedding=self._exact(chunk.embedding)) for chunk in chunks]
        for chunk in kept:
            self._partitions[chunk.tenant, chunk.store_id].chunks[chunk.id] = chunk

    async def publish(self, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
        partition = self._partitions[tenant, store_id]
        if not partition.advance(document_id, generation):
            return False
        partition.live[document_id] = generation
        return True

    async def retire(self, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
        partition = self._partitions[tenant, store_id]
        if not partition.advance(document_id, generation):
            return False
        partition.live.pop(document_id, None)
        return True

    async def standing(self, tenant: str, store_id: str, document_id: str) -> Standing:
        partition = self._partitions[tenant, store_id]
        return Standing(partition.newest.get(document_id), partition.live.get(document_id))

    async def sweep(self, tenant: str, store_id: str, document_id: str) -> int:
        partition = self._partitions[tenant, store_id]
        newest = partition.newest.get(document_id, -1)
        of_document = [chunk for chunk in partition.chunks.values() if chunk.document_id == document_id]
        dead = [chunk for chunk in of_document if chunk.generation <= newest and not partition.visible(chunk)]
        for chunk in dead:
            del partition.chunks[chunk.id]
        return len(dead)

    async def unswept(self, tenant: str, store_id: str) -> Sequence[str]:
        partition = self._partitions[tenant, store_id]
        return list({chunk.document_id for chunk in partition.chunks.values() if not partition.visible(chunk)})

    async def drop_store(self, tenant: str, store_id: str) -> None:
        self._partitions.pop((tenant, store_id), None)

    async def list(self, tenant: str, store_id: str, document_id: str) -> Sequence[Chunk]:
        partition = self._partitions[tenant, store_id]
        found = (chunk for chunk in partition.chunks.values() if chunk.document_id == document_id)
        return sorted(filter(partition.visible, found), key=lambda chunk: chunk.ordinal)

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
        query = self._exact(vector)
        partition = self._partitions[tenant, store_id]
        visible = list(filter(partition.visible, partition.chunks.values()))
        wanted = _Wanted(frozenset(principals), None if document_ids is None else frozenset(document_ids), filters)
        by_vector = ((chunk, _cosine(query, chunk.embedding)) for chunk in visible if wanted.holds(chunk))
        by_text = zip(visible, lexical.bm25([chunk.text for chunk in visible], text), strict=True)
        matching = ((chunk, score) for chunk, score in by_text if score > 0 and wanted.holds(chunk))
        return Candidates(_best(by_vector, limit), _best(matching, limit))

    def _exact(self, vector: Sequence[float]) -> tuple[float, ...]:
        if len(vector) != self._dimensions:
            raise InvalidRequestError(f"The embedding has {len(vector)} dimensions; this store has {self._dimensions}.")
        floats = tuple(array("f", vector))
        if not all(map(math.isfinite, floats)):
            raise InvalidRequestError("The embedding holds a number that is infinite, or none, in 32 bits.")
        return floats


def _checked(chunk: Chunk) -> Chunk:
    try:
        size_bytes = len(chunk.text.encode())
    except UnicodeEncodeError as error:
        raise InvalidRequestError(f"Chunk {chunk.id!r} holds half a surrogate pair.") from error
    if size_bytes > MAX_RECORD_BYTES:
        raise TooLargeError(f"Chunk {chunk.id!r} has {size_bytes} bytes; {MAX_RECORD_BYTES} are allowed.")
    return chunk


@dataclass(frozen=True, slots=True)
class _Wanted:
    principals: frozenset[str]
    documents: frozenset[str] | None
    filters: Filter | None

    def holds(self, chunk: Chunk) -> bool:
        asked_for = self.documents is None or chunk.document_id in self.documents
        meant = self.filters is None or attribute_filters.holds(self.filters, chunk.attributes)
        return asked_for and meant and (not chunk.acl or not self.principals.isdisjoint(chunk.acl))


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = math.sqrt(math.sumprod(one, one) * math.sumprod(other, other))
    return math.sumprod(one, other) / lengths if lengths else 0.0


def _best(hits: Iterable[tuple[Chunk, float]], limit: int) -> Hits:
    return tuple(sorted(hits, key=lambda hit: hit[1], reverse=True)[: max(limit, 0)])
