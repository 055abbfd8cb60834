"""A tenant's documents as the two tools, `search` and `fetch`, that agents know from OpenAI's connectors."""

from dataclasses import dataclass

from shared.errors import NotFoundError
from shared.ports.keys import Caller
from shared.ports.records import DocumentRecord, document_id
from shared.retrieval.access import readable
from shared.retrieval.attachments import Attachments
from shared.retrieval.indexes import Search
from shared.retrieval.lifetimes import Lifetimes
from shared.retrieval.listing import Walk, page_of
from shared.wire.mcp import FetchedDocument, FoundDocument, FoundDocuments

_PASSAGES = 20
_MOST_STORES = 32
"""A search asks every store at once: of a tenant with more, the newest."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    lifetimes: Lifetimes
    attachments: Attachments
    searcher: Search

    async def search(self, caller: Caller, query: str) -> FoundDocuments:
        """Documents that the caller may read, best first, over every store that has not expired."""
        records, over = self.lifetimes.stores, self.lifetimes.is_over
        newest = Walk({}, newest_first=True)
        stores, _ = await page_of(records, caller.tenant, newest, _MOST_STORES, lambda store: not over(store))
        if not stores:
            return FoundDocuments(results=[])
        found = await self.searcher.search(caller, [store.id for store in stores], query, limit=_PASSAGES)
        results = {passage.file_id: _found(passage.store_id, passage.file_id, passage.filename) for passage in found}
        return FoundDocuments(results=list(results.values()))

    async def fetch(self, caller: Caller, identity: str) -> FetchedDocument:
        """Raise NotFoundError, also for what the caller may not read; InvalidRequestError for an expired store."""
        document = await self._readable(caller, identity)
        await self.lifetimes.standing(caller.tenant, document.store_id)
        page = await self.attachments.content(caller, document.store_id, document.file_id)
        return FetchedDocument(
            **_found(document.store_id, document.file_id, document.filename).model_dump(),
            text="\n\n".join(part.text for part in page.data),
            metadata={name: str(value) for name, value in document.attributes.items()},
        )

    async def _readable(self, caller: Caller, identity: str) -> DocumentRecord:
        missing = NotFoundError(f"No document {identity!r}: give the id of a search result.", param="id")
        try:
            document = (await self.attachments.documents.get(caller.tenant, identity)).value
        except NotFoundError as error:
            raise missing from error
        if document.state == "deleted" or not readable(document.acl, caller):
            raise missing
        return document


def _found(store_id: str, file_id: str, title: str) -> FoundDocument:
    url = f"/v1/vector_stores/{store_id}/files/{file_id}/content"
    return FoundDocument(id=document_id(store_id, file_id), title=title, url=url)
