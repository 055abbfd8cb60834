"""Going round all blobs and all documents, page by page over many runs, to find what events missed."""

import asyncio
import itertools
import logging
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from shared.errors import CapacityError, PlatformError, PreconditionFailedError
from shared.ports.blobs import DOCUMENTS, Blobs, ListedBlob
from shared.ports.chunks import Chunks
from shared.ports.clock import Clock
from shared.ports.records import CursorRecord, DocumentRecord, Records, Stored
from shared.retrieval.blob_names import Drop, parse_drop
from shared.retrieval.expired import Expired
from shared.retrieval.first_sight import ensure
from shared.retrieval.folders import Folders
from shared.retrieval.lifetimes import Lifetimes
from shared.retrieval.repair import Repair, StoreView
from shared.retrieval.tenants import Tenants

log = logging.getLogger(__name__)

_CURSOR = "reconcile_documents"
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Position:
    """The blobs come first, then each tenant's documents, files and uploads; `following` and `after` say where the next
    page begins."""

    walk: Literal["blobs", "documents", "files", "uploads"] = "blobs"
    following: str | None = None
    tenant: str | None = None
    after: str | None = None


_START = Position()
_position = TypeAdapter(Position)


@dataclass(frozen=True, slots=True)
class Rounds:
    cursors: Records[CursorRecord]
    tenants: Tenants
    lifetimes: Lifetimes
    documents: Records[DocumentRecord]
    blobs: Blobs
    chunks: Chunks
    folders: Folders
    repair: Repair
    expired: Expired
    clock: Clock
    budget_s: float = 60
    page: int = 200

    async def run(self) -> None:
        """Go on where the last run stopped, for the budget or to the end of the round; the next run then starts anew.

        Of two runs at once, one stops after its first page. What was noticed is on the queue when this returns.
        """
        began, pages, amiss = self.clock.monotonic(), 0, 0
        stored = await ensure(self.cursors, CursorRecord(_CURSOR, _text(_START)))
        try:
            while pages == 0 or (stored.value.position != _text(_START) and self._goes_on(began)):
                position, found = await self._page(_position.validate_json(stored.value.position))
                pages, amiss = pages + 1, amiss + found
                stored = await self.cursors.replace(CursorRecord(_CURSOR, _text(position)), if_match=stored.etag)
        except (CapacityError, PreconditionFailedError) as error:
            log.info("the round goes on with the next run reason=%s", error)
        log.info("reconciled pages=%s amiss=%s position=%s", pages, amiss, stored.value.position)

    def _goes_on(self, began: float) -> bool:
        return self.clock.monotonic() - began < self.budget_s

    async def _page(self, position: Position) -> tuple[Position, int]:
        """Where the next page begins, and how many on this one were amiss."""
        if position.walk == "blobs":
            return await self._blobs(position)
        tenant = position.tenant or await self.tenants.after(None)
        if tenant is None:
            return _START, 0
        if position.walk == "documents":
            return await self._documents(tenant, position.after)
        return await self._expired(position.walk, tenant, position.after)

    async def _blobs(self, position: Position) -> tuple[Position, int]:
        try:
            page = await self.blobs.list(DOCUMENTS, limit=self.page, following=position.following)
        except PlatformError as error:
            if position.following is None or isinstance(error, CapacityError):
                raise
            log.warning("the list of blobs starts anew reason=%s", error)
            return _START, 0
        named = [(drop, blob) for blob in page.items if isinstance(drop := parse_drop(blob.name), Drop)]
        groups = itertools.groupby(named, key=lambda one: (one[0].tenant, one[0].folder))
        amiss = sum([await self._folder(tenant, name, list(group)) for (tenant, name), group in groups])
        return Position("blobs" if page.following else "documents", page.following), amiss

    async def _folder(self, tenant: str, name: str, dropped: list[tuple[Drop, ListedBlob]]) -> int:
        store_id = await self.folders.store_fed_by(tenant, name)
        return await _counted(self.repair.blob(drop, blob, store_id) for drop, blob in dropped)

    async def _documents(self, tenant: str, after: str | None) -> tuple[Position, int]:
        page = await self.documents.list(tenant, order="asc", limit=self.page, after=after)
        groups = itertools.groupby(page.items, key=lambda stored: stored.value.store_id)
        amiss = sum([await self._store(tenant, store_id, list(group)) for store_id, group in groups])
        if page.has_more:
            return Position("documents", tenant=tenant, after=page.items[-1].value.id), amiss
        return Position("files", tenant=tenant), amiss

    async def _expired(self, walk: Literal["files", "uploads"], tenant: str, after: str | None) -> tuple[Position, int]:
        """Delete what has outlived its time."""
        if walk == "files":
            following, over = await self.expired.files_page(tenant, after, self.page)
        else:
            following, over = await self.expired.uploads_page(tenant, after, self.page)
        if following is not None:
            return Position(walk, tenant=tenant, after=following), over
        if walk == "files":
            return Position("uploads", tenant=tenant), over
        next_tenant = await self.tenants.after(tenant)
        return (_START if next_tenant is None else Position("documents", tenant=next_tenant)), over

    async def _store(self, tenant: str, store_id: str, documents: list[Stored[DocumentRecord]]) -> int:
        unswept = frozenset(await self.chunks.unswept(tenant, store_id))
        view = StoreView(await self.lifetimes.stands(tenant, store_id), unswept)
        return await _counted(self.repair.document(stored, view) for stored in documents)


async def _counted(judgements: Iterable[Coroutine[None, None, bool]]) -> int:
    """How many were amiss; so many are judged at once."""
    amiss = 0
    for batch in itertools.batched(judgements, _AT_ONCE, strict=False):
        amiss += sum(await asyncio.gather(*batch))
    return amiss


def _text(position: Position) -> str:
    return _position.dump_json(position).decode()
