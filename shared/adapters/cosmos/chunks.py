"""Chunks and the searches over them: the port. One vector store of one tenant is one partition."""

from collections.abc import Sequence

from shared.adapters.cosmos import lexical, names, passages, search
from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.containers import CHUNKS
from shared.adapters.cosmos.failures import RejectedError
from shared.adapters.cosmos.model import StoredModel
from shared.adapters.cosmos.operations import delete, upsert
from shared.adapters.cosmos.partition import MAX_TOP, Answer, Partition
from shared.adapters.cosmos.visibility import State, Visibility
from shared.errors import InvalidRequestError, OverloadedError
from shared.ports.chunks import Candidates, Chunk, Standing
from shared.ports.embedding_model import EmbeddingModel
from shared.ports.filters import Filter

_ROUNDS = 6
_LIST = """
SELECT c.embedding, c.chunk FROM c WHERE c.kind = @kind AND c.document = @document AND c.generation = @generation
"""
_ALL_BUT_LIVE = """
SELECT TOP 99 c.id, c.generation FROM c WHERE c.kind = @kind AND c.document = @document
AND (c.generation < @dead_below OR c.generation > @newest) ORDER BY c.generation ASC
"""
_OF_KIND = "SELECT TOP 100 c.id FROM c WHERE c.kind = @kind"
"""As many as one batch deletes; above, beside its fence."""

_KINDS = ("chunk", "document", "visibility")
"""In the order in which a store is taken apart: what hides chunks goes after them."""


class CosmosChunks:
    """Implements `Chunks`. Embeddings are kept and returned in 32 bits. See `visibility` for what a search sees."""

    def __init__(
        self, account: CosmosAccount, *, dimensions: int, embedding_model: str, container: str = CHUNKS
    ) -> None:
        self._account = account
        self._container = container
        self._dimensions = dimensions
        self._model = StoredModel(account, EmbeddingModel(embedding_model, dimensions), container)

    async def put(self, chunks: Sequence[Chunk]) -> None:
        if not chunks:
            return
        if len({(chunk.tenant, chunk.store_id, chunk.document_id, chunk.generation) for chunk in chunks}) > 1:
            raise InvalidRequestError("Chunks are put for one document and one generation at a time.")
        partition = self._partition(chunks[0].tenant, chunks[0].store_id)
        items = [passages.item(chunk, partition.key, self._dimensions) for chunk in chunks]
        visibility = Visibility(partition)
        await self._model.fix()
        for batch in passages.batches(items):
            await visibility.write(chunks[0].document_id, [upsert(item) for item in batch])

    async def publish(self, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
        return await Visibility(self._partition(tenant, store_id)).move(document_id, generation, generation)

    async def retire(self, tenant: str, store_id: str, document_id: str, generation: int) -> bool:
        return await Visibility(self._partition(tenant, store_id)).move(document_id, generation, None)

    async def standing(self, tenant: str, store_id: str, document_id: str) -> Standing:
        state = await Visibility(self._partition(tenant, store_id)).state(document_id)
        return Standing(None, None) if state is None or state.newest < 0 else Standing(state.newest, state.live)

    async def sweep(self, tenant: str, store_id: str, document_id: str) -> int:
        """Takes the document off the list of the moving ones when only live chunks are left."""
        visibility = Visibility(self._partition(tenant, store_id))
        swept = idle = 0
        while idle < _ROUNDS:
            state = await visibility.state(document_id)
            if state is None or not state.moving:
                return swept
            others = await self._all_but_live(tenant, store_id, document_id, state)
            dead = [delete(item["id"]) for item in others.items if item["generation"] < state.dead_below]
            if not dead and (others.items or await visibility.leave(document_id, state)):
                return swept
            deleted = await visibility.delete(document_id, state, dead) if dead else 0
            swept, idle = swept + deleted, 0 if deleted else idle + 1
        raise _restless(store_id)

    async def unswept(self, tenant: str, store_id: str) -> Sequence[str]:
        return list((await Visibility(self._partition(tenant, store_id)).view()).moving)

    async def drop_store(self, tenant: str, store_id: str) -> None:
        partition = self._partition(tenant, store_id)
        for kind in _KINDS:
            while (found := await partition.query(_OF_KIND, {"kind": kind})).items:
                await _delete_all(partition, found)

    async def list(self, tenant: str, store_id: str, document_id: str) -> Sequence[Chunk]:
        partition = self._partition(tenant, store_id)
        visibility = Visibility(partition)
        for _ in range(_ROUNDS):
            state = await visibility.state(document_id)
            if state is None or state.live is None:
                return []
            parameters = {"kind": "chunk", "document": document_id, "generation": state.live}
            found = [passages.chunk(item) for item in (await partition.query(_LIST, parameters)).items]
            after = await visibility.state(document_id)
            if after is not None and after.live == state.live:
                return sorted(found, key=lambda chunk: (chunk.ordinal, chunk.id))
        raise _restless(store_id)

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
        """Reads what is visible before and after, and starts again when that has changed under it."""
        exact, top = passages.exact(vector, self._dimensions), min(limit, MAX_TOP)
        query = search.Query(exact, lexical.asked(text), principals, top, document_ids, filters)
        if limit < 1:
            return Candidates((), ())
        partition, charge = self._partition(tenant, store_id), 0.0
        visibility = Visibility(partition)
        await self._model.check()
        before = await visibility.view()
        for _ in range(_ROUNDS):
            found = await search.run(partition, query, before)
            after = await visibility.view()
            charge += before.charge + found.charge
            if before.still_holds(after, found.items()):
                return found.candidates(charge + after.charge)
            before = after
        raise _restless(store_id)

    async def _all_but_live(self, tenant: str, store_id: str, document: str, state: State) -> Answer:
        """Chunks that are dead, and of a generation that is still being written."""
        known = {"kind": "chunk", "document": document, "dead_below": state.dead_below, "newest": state.newest}
        return await self._partition(tenant, store_id).query(_ALL_BUT_LIVE, known)

    def _partition(self, tenant: str, store_id: str) -> Partition:
        return Partition(self._account, self._container, names.joined(tenant, store_id))


async def _delete_all(partition: Partition, found: Answer) -> None:
    try:
        await partition.batch([delete(item["id"]) for item in found.items])
    except RejectedError:
        return  # some are gone already: the caller looks again


def _restless(store_id: str) -> OverloadedError:
    return OverloadedError(f"Vector store {store_id!r} changes faster than it can be read.", retry_after_s=1)
