"""Vector stores: made, counted, searched, deleted."""

import asyncio
from dataclasses import dataclass

from shared.errors import NotFoundError
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.records import DocumentRecord, Records, VectorStoreRecord, document_id
from shared.retrieval.attachments import Attachments
from shared.retrieval.filters import filter_of
from shared.retrieval.folders import Folders
from shared.retrieval.fusion import Passage, Weights
from shared.retrieval.indexes import Search
from shared.retrieval.listing import Walk, page_of, route_of, walk
from shared.retrieval.objects import list_page, store_object
from shared.wire.lists import Deleted, ListPage, ListQuery
from shared.wire.vector_stores import (
    HybridWeights,
    RankingOptions,
    SearchBody,
    SearchPage,
    SearchResult,
    TextContent,
    VectorStoreBody,
    VectorStoreObject,
)


@dataclass(frozen=True, slots=True)
class VectorStores:
    stores: Records[VectorStoreRecord]
    documents: Records[DocumentRecord]
    folders: Folders
    attachments: Attachments
    searcher: Search
    clock: Clock

    async def create(self, caller: Caller, body: VectorStoreBody) -> VectorStoreObject:
        """With a name that no store has yet, it is also fed by the folder of that name. Raise NotFoundError for a
        file that is missing; nothing is made then."""
        files = [await self.attachments.file_to_read(caller, file_id) for file_id in dict.fromkeys(body.file_ids)]
        record = VectorStoreRecord(
            id=self.clock.new_id("vs_"),
            tenant=caller.tenant,
            name=body.name or "",
            created_at=self.clock.now(),
            metadata=body.metadata or {},
        )
        await self.folders.tenants.enter(caller.tenant)
        await self.stores.create(record)
        await self.folders.claim(record)
        return store_object(record, [await self.attachments.put(record.id, file) for file in files])

    async def list(self, caller: Caller, query: ListQuery) -> ListPage[VectorStoreObject]:
        found, has_more = await page_of(self.stores, caller.tenant, route_of(query, {}), query.limit)
        return list_page([await self._object(record) for record in found], has_more)

    async def retrieve(self, caller: Caller, store_id: str) -> VectorStoreObject:
        return await self._object(await self._get(caller, store_id))

    async def delete(self, caller: Caller, store_id: str) -> Deleted:
        """The record goes last: what fails midway can be repeated."""
        record = await self._get(caller, store_id)
        await self.folders.release(record)
        await self.attachments.clear(caller.tenant, store_id)
        try:
            await self.stores.delete(caller.tenant, store_id)
        except NotFoundError:
            return Deleted(id=store_id, object="vector_store.deleted")
        return Deleted(id=store_id, object="vector_store.deleted")

    async def search(self, caller: Caller, store_id: str, body: SearchBody) -> SearchPage:
        ranking = body.ranking_options or RankingOptions()
        found = await self.searcher.search(
            caller,
            [store_id],
            body.queries,
            limit=body.max_num_results,
            score_threshold=ranking.score_threshold,
            filters=None if body.filters is None else filter_of(body.filters),
            weights=_weights(ranking.hybrid_search),
        )
        results = await asyncio.gather(*(self._result(caller, passage) for passage in found))
        return SearchPage(search_query=list(body.queries), data=results)

    async def _result(self, caller: Caller, passage: Passage) -> SearchResult:
        try:
            identity = document_id(passage.store_id, passage.file_id)
            attributes = dict((await self.documents.get(caller.tenant, identity)).value.attributes)
        except NotFoundError:
            attributes = {}
        return SearchResult(
            file_id=passage.file_id,
            filename=passage.filename,
            score=passage.score,
            attributes=attributes,
            content=[TextContent(text=passage.text)],
        )

    async def _get(self, caller: Caller, store_id: str) -> VectorStoreRecord:
        try:
            return (await self.stores.get(caller.tenant, store_id)).value
        except NotFoundError as error:
            raise NotFoundError(f"No vector store {store_id!r}.", param="vector_store_id") from error

    async def _object(self, record: VectorStoreRecord) -> VectorStoreObject:
        documents = walk(self.documents, record.tenant, Walk({"store_id": record.id}))
        return store_object(record, [stored.value async for stored in documents])


def _weights(asked: HybridWeights | None) -> Weights | None:
    return None if asked is None else Weights(vector=asked.embedding_weight, text=asked.text_weight)
