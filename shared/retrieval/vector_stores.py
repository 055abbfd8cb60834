"""Vector stores: made, counted, searched, deleted."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.errors import NotFoundError, OverloadedError, PreconditionFailedError
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.ports.models import Rewriter
from shared.ports.records import Attribute, DocumentRecord, Records, VectorStoreRecord, document_id
from shared.retrieval.attachments import Attachments
from shared.retrieval.filters import filter_of
from shared.retrieval.folders import Folders
from shared.retrieval.fusion import Passage, Weights
from shared.retrieval.indexes import Search
from shared.retrieval.lifetimes import Lifetimes
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
    VectorStoreChanges,
    VectorStoreObject,
)

_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class VectorStores:
    lifetimes: Lifetimes
    documents: Records[DocumentRecord]
    folders: Folders
    attachments: Attachments
    searcher: Search
    clock: Clock
    rewriter: Rewriter | None = None

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
            description=body.description or "",
            expires_days=None if body.expires_after is None else body.expires_after.days,
        )
        await self.folders.tenants.enter(caller.tenant)
        await self.lifetimes.stores.create(record)
        await self.folders.claim(record)
        cut = body.chunking_strategy
        return store_object(record, [await self.attachments.put(record.id, file, chunking=cut) for file in files])

    async def list(self, caller: Caller, query: ListQuery) -> ListPage[VectorStoreObject]:
        found, has_more = await page_of(self.lifetimes.stores, caller.tenant, route_of(query, {}), query.limit)
        return list_page([await self._object(record) for record in found], has_more)

    async def retrieve(self, caller: Caller, store_id: str) -> VectorStoreObject:
        return await self._object((await self.lifetimes.get(caller.tenant, store_id)).value)

    async def update(self, caller: Caller, store_id: str, body: VectorStoreChanges) -> VectorStoreObject:
        """Under another name it is also fed by the folder of that name, if that feeds none, and still by those of its
        old ones. Raise NotFoundError, InvalidRequestError for a store that has expired."""
        for _ in range(_ROUNDS):
            stored = await self.lifetimes.standing(caller.tenant, store_id)
            changed = replace(_changed(stored.value, body), active_at=self.clock.now())
            try:
                await self.lifetimes.stores.replace(changed, if_match=stored.etag)
            except PreconditionFailedError:
                continue
            await self.folders.claim(changed)
            return await self._object(changed)
        raise OverloadedError(f"Vector store {store_id!r} keeps changing.", retry_after_s=1)

    async def delete(self, caller: Caller, store_id: str) -> Deleted:
        """The record goes last: what fails midway can be repeated."""
        record = (await self.lifetimes.get(caller.tenant, store_id)).value
        await self.folders.release(record)
        await self.attachments.clear(caller.tenant, store_id)
        try:
            await self.lifetimes.stores.delete(caller.tenant, store_id)
        except NotFoundError:
            return Deleted(id=store_id, object="vector_store.deleted")
        return Deleted(id=store_id, object="vector_store.deleted")

    async def search(self, caller: Caller, store_id: str, body: SearchBody) -> SearchPage:
        """A query that is to be rewritten is searched as it was, too: a poor rewrite costs little then."""
        queries = body.queries
        if body.rewrite_query and self.rewriter is not None:
            queries = tuple(dict.fromkeys((*queries, *await self.rewriter.rewrite(caller, queries))))
        ranking = body.ranking_options or RankingOptions()
        found = await self.searcher.search(
            caller,
            [store_id],
            queries,
            limit=body.max_num_results,
            score_threshold=ranking.score_threshold,
            filters=None if body.filters is None else filter_of(body.filters),
            weights=weights_of(ranking.hybrid_search),
        )
        attributes = await self.attributes(caller, found)
        results = [_result(passage, given) for passage, given in zip(found, attributes, strict=True)]
        return SearchPage(search_query=list(queries), data=results)

    async def attributes(self, caller: Caller, found: Sequence[Passage]) -> Sequence[Mapping[str, Attribute]]:
        """Those of each passage's file; none for a file that is gone meanwhile."""

        async def read(identity: str) -> Mapping[str, Attribute]:
            try:
                return (await self.documents.get(caller.tenant, identity)).value.attributes
            except NotFoundError:
                return {}

        wanted = dict.fromkeys(document_id(passage.store_id, passage.file_id) for passage in found)
        read_once = dict(zip(wanted, await asyncio.gather(*map(read, wanted)), strict=True))
        return [read_once[document_id(passage.store_id, passage.file_id)] for passage in found]

    async def _object(self, record: VectorStoreRecord) -> VectorStoreObject:
        documents = walk(self.documents, record.tenant, Walk({"store_id": record.id}))
        expired = self.lifetimes.is_over(record)
        return store_object(record, [stored.value async for stored in documents], expired=expired)


def _changed(record: VectorStoreRecord, body: VectorStoreChanges) -> VectorStoreRecord:
    given = body.model_fields_set
    if body.name is not None:
        record = replace(record, name=body.name)
    if "description" in given:
        record = replace(record, description=body.description or "")
    if "metadata" in given:
        record = replace(record, metadata=body.metadata or {})
    if "expires_after" in given:
        record = replace(record, expires_days=None if body.expires_after is None else body.expires_after.days)
    return record


def _result(passage: Passage, attributes: Mapping[str, Attribute]) -> SearchResult:
    return SearchResult(
        file_id=passage.file_id,
        filename=passage.filename,
        score=passage.score,
        attributes=dict(attributes),
        content=[TextContent(text=passage.text)],
    )


def weights_of(asked: HybridWeights | None) -> Weights | None:
    return None if asked is None else Weights(vector=asked.embedding_weight, text=asked.text_weight)
