"""A change of the embedding model: every document is carried into the next model's index, and then that one answers.

The walk goes over all documents, again and again, until a whole round has found nothing to carry. Documents that
change meanwhile are carried by those who index them (`indexes.WrittenChunks`), as long as their settings name the next
model; the round that decides begins only when no process with older settings can be running any more.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from shared.errors import CapacityError, NotFoundError, PlatformError, PreconditionFailedError
from shared.ports.chunks import Chunks
from shared.ports.clock import Clock
from shared.ports.records import SYSTEM, CursorRecord, DocumentRecord, Records, Stored
from shared.retrieval.first_sight import ensure
from shared.retrieval.indexes import Index, LiveIndex
from shared.retrieval.tenants import Tenants

log = logging.getLogger(__name__)

_CURSOR = "migrate_embeddings"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the way to `target` is. `clean` while the present round has found nothing to carry."""

    target: str
    began: datetime
    round_began: datetime
    clean: bool = True
    carried: int = 0
    tenant: str | None = None
    after: str | None = None
    done: bool = False


_progress = TypeAdapter(Progress)


async def progress_towards(cursors: Records[CursorRecord], target: str) -> Progress | None:
    """None before the first run towards that index."""
    try:
        stored = await cursors.get(SYSTEM, _CURSOR)
    except NotFoundError:
        return None
    progress = _progress.validate_json(stored.value.position)
    return progress if progress.target == target else None


@dataclass(frozen=True, slots=True)
class Migration:
    """`overlap_s` is how long a process with older settings may outlive the change of them."""

    cursors: Records[CursorRecord]
    tenants: Tenants
    documents: Records[DocumentRecord]
    live: LiveIndex
    source: Chunks
    target: Index
    clock: Clock
    budget_s: float = 50
    overlap_s: float = 900
    page: int = 50

    async def run(self) -> None:
        """Carry on for the budget. Of two runs at once one stops after its first page; a crash loses one page of
        looking, and nothing that was carried."""
        began = self.clock.monotonic()
        stored = await ensure(self.cursors, CursorRecord(_CURSOR, _text(self._first())))
        progress = self._known(stored)
        try:
            while not progress.done:
                progress = await self._page(progress)
                stored = await self.cursors.replace(CursorRecord(_CURSOR, _text(progress)), if_match=stored.etag)
                if progress.tenant is None or self.clock.monotonic() - began > self.budget_s:
                    break
        except (CapacityError, PreconditionFailedError) as error:
            log.info("the migration goes on with the next run reason=%s", error)
        log.info("migrating embeddings target=%s carried=%s done=%s", progress.target, progress.carried, progress.done)

    def _first(self) -> Progress:
        now = self.clock.now()
        return Progress(self.target.name, began=now, round_began=now)

    def _known(self, stored: Stored[CursorRecord]) -> Progress:
        known = _progress.validate_json(stored.value.position)
        return known if known.target == self.target.name else self._first()

    async def _page(self, progress: Progress) -> Progress:
        tenant = progress.tenant or await self.tenants.after(None)
        if tenant is None:
            return await self._end_round(progress)
        page = await self.documents.list(tenant, order="asc", limit=self.page, after=progress.after)
        carried = await self._carry([stored.value for stored in page.items])
        progress = replace(progress, carried=progress.carried + carried, clean=progress.clean and not carried)
        if page.has_more:
            return replace(progress, tenant=tenant, after=page.items[-1].value.id)
        following = await self.tenants.after(tenant)
        progress = replace(progress, tenant=following, after=None)
        return progress if following else await self._end_round(progress)

    async def _carry(self, documents: Sequence[DocumentRecord]) -> int:
        """How many were not in line: also those that could not be brought there, which keep the round from ending."""
        return sum([await self._carry_one(document) for document in documents])

    async def _carry_one(self, document: DocumentRecord) -> bool:
        try:
            return await self.target.carry(self.source, document.tenant, document.store_id, document.id)
        except CapacityError:
            raise
        except PlatformError as error:
            log.error("not carried document=%s target=%s reason=%s", document.id, self.target.name, error)  # noqa: TRY400 -- the reason says it all
            return True

    async def _end_round(self, progress: Progress) -> Progress:
        """Let the next index answer after a round that found nothing to carry, once only we ourselves are running."""
        now = self.clock.now()
        alone = progress.round_began >= progress.began + timedelta(seconds=self.overlap_s)
        if progress.clean and alone:
            await self.live.switch(progress.target)
            log.info("switched target=%s carried=%s", progress.target, progress.carried)
        return replace(progress, round_began=now, clean=True, tenant=None, after=None, done=progress.clean and alone)


def _text(progress: Progress) -> str:
    return _progress.dump_json(progress).decode()
