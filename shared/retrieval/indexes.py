"""Indexes of chunks: one for each embedding model, which are two while one takes the place of the other.

Both are written by every process whose settings name both. Which one answers is a record that every process follows.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import batched
from typing import Protocol

from shared.errors import PlatformError
from shared.ports.chunks import Candidates, Chunk, Chunks, Standing
from shared.ports.clock import Clock
from shared.ports.filters import Filter
from shared.ports.keys import Caller
from shared.ports.records import IndexRecord, Records
from shared.retrieval.embedding import PassageEmbedder
from shared.retrieval.extraction.document import Passage as Extract
from shared.retrieval.first_sight import ensure
from shared.retrieval.fusion import Passage, Weights

_WINDOW = 256
_TRUSTED_S = 5.0
"""How long a process goes on with the index that answered when it last looked: it is kept up to date meanwhile."""


@dataclass(frozen=True, slots=True)
class Index:
    chunks: Chunks
    embedder: PassageEmbedder

    @property
    def name(self) -> str:
        return self.embedder.space.name

    async def carry(self, source: Chunks, tenant: str, store_id: str, document_id: str) -> bool:
        """Make the document stand here as it does in the source; whether there was anything to do.

        A generation never changes once it is published, and is never published after one that is newer: however many
        do this at once, in whatever order, the newest wins.
        """
        there = await source.standing(tenant, store_id, document_id)
        here = await self.chunks.standing(tenant, store_id, document_id)
        if there.newest is None or here == there or (here.newest or 0) > there.newest:
            return False
        if there.live is None:
            await self.chunks.retire(tenant, store_id, document_id, there.newest)
        else:
            found = await source.list(tenant, store_id, document_id)
            generation = found[0].generation if found else there.live
            for window in batched(found, _WINDOW, strict=False):
                await self.chunks.put(await self.translated(window))
            await self.chunks.publish(tenant, store_id, document_id, generation)
        await self.chunks.sweep(tenant, store_id, document_id)
        return True

    async def translated(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """The same chunks with vectors of this index's model, which are cached."""
        vectors = await self.embedder.embed(chunks[0].tenant, [_passage(chunk) for chunk in chunks]) if chunks else []
        return [replace(chunk, embedding=vector) for chunk, vector in zip(chunks, vectors, strict=True)]


class LiveIndex:
    """The index that answers. `first` is taken where none has answered yet."""

    def __init__(self, records: Records[IndexRecord], clock: Clock, known: Sequence[str]) -> None:
        self._records = records
        self._clock = clock
        self._known = known
        self._seen: tuple[str, float] | None = None

    async def name(self) -> str:
        """Raise PlatformError when it is of a model that the settings do not name."""
        now = self._clock.monotonic()
        if self._seen is None or now - self._seen[1] > _TRUSTED_S:
            self._seen = (await ensure(self._records, IndexRecord(live=self._known[0]))).value.live, now
        if self._seen[0] not in self._known:
            raise PlatformError(
                f"What is searched are {self._seen[0]!r}; the settings (FLIGHTDECK_EMBEDDING_MODEL) ask for"
                f" {self._known[0]!r}. Set them back, or see docs/operations.md, 'Change the embedding model'.",
                code="embedding_model_mismatch",
            )
        return self._seen[0]

    async def switch(self, name: str) -> None:
        """From now on, and in every process within seconds, this one answers."""
        stored = await ensure(self._records, IndexRecord(live=name))
        if stored.value.live != name:
            await self._records.replace(IndexRecord(live=name), if_match=stored.etag)
        self._seen = None


class Search(Protocol):
    """How passages are found; `search.Searcher` does it in one index."""

    def search(
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
    ) -> Awaitable[tuple[Passage, ...]]: ...


@dataclass(frozen=True, slots=True)
class LiveSearch:
    """Implements `Search`: a question is embedded and searched by one model, whichever is the live index's."""

    live: LiveIndex
    searchers: Mapping[str, Search]

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
        return await self.searchers[await self.live.name()].search(
            caller,
            store_ids,
            query,
            limit=limit,
            strictness=strictness,
            score_threshold=score_threshold,
            file_ids=file_ids,
            filters=filters,
            weights=weights,
        )


class WrittenChunks:
    """Implements `Chunks` over the index of the settings' model and, if there is one, the next.

    The second follows the first, document by document, before the caller hears that something is done. What a crash
    keeps it from is made up for when the message comes again, or by the walk of `migration`. Reads read the first.
    """

    def __init__(self, live: LiveIndex, first: Chunks, second: Index | None) -> None:
        self._live = live
        self._first = first
        self._second = second

    async def put(self, chunks: Sequence[Chunk]) -> None:
        await self._live.name()
        await self._first.put(chunks)
        if self._second is not None:
            await self._second.translated(chunks)  # now, so that `publish` finds the vectors in the cache

    async def publish(self, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
        published = await self._first.publish(tenant, store_id, document_id, generation)
        await self._follow(tenant, store_id, document_id)
        return published

    async def retire(self, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
        retired = await self._first.retire(tenant, store_id, document_id, generation)
        await self._follow(tenant, store_id, document_id)
        return retired

    async def standing(self, tenant: str, store_id: str, document_id: str) -> Standing:
        return await self._first.standing(tenant, store_id, document_id)

    async def sweep(self, tenant: str, store_id: str, document_id: str) -> int:
        swept = await self._first.sweep(tenant, store_id, document_id)
        await self._follow(tenant, store_id, document_id)
        if self._second is not None:
            await self._second.chunks.sweep(tenant, store_id, document_id)
        return swept

    async def _follow(self, tenant: str, store_id: str, document_id: str) -> None:
        if self._second is not None:
            await self._second.carry(self._first, tenant, store_id, document_id)

    async def unswept(self, tenant: str, store_id: str) -> Sequence[str]:
        found = list(await self._first.unswept(tenant, store_id))
        if self._second is not None:
            found += await self._second.chunks.unswept(tenant, store_id)
        return list(dict.fromkeys(found))

    async def drop_store(self, tenant: str, store_id: str) -> None:
        await self._first.drop_store(tenant, store_id)
        if self._second is not None:
            await self._second.chunks.drop_store(tenant, store_id)

    async def list(self, tenant: str, store_id: str, document_id: str) -> Sequence[Chunk]:
        return await self._first.list(tenant, store_id, document_id)

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
        return await self._first.search(
            tenant,
            store_id,
            vector=vector,
            text=text,
            principals=principals,
            limit=limit,
            document_ids=document_ids,
            filters=filters,
        )


def _passage(chunk: Chunk) -> Extract:
    """What the chunk was made of."""
    return Extract(
        chunk.text, chunk.char_start, chunk.char_end, chunk.page_start, chunk.page_end, chunk.headings, chunk.tokens
    )
