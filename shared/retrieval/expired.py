"""Files and uploads whose time is over, page by page of a tenant's."""

from dataclasses import dataclass

from shared.ports.clock import Clock
from shared.retrieval.access import is_expired
from shared.retrieval.files import Files
from shared.retrieval.uploads import Uploads


@dataclass(frozen=True, slots=True)
class Expired:
    """Each method deletes those of one page, and tells where the next begins, None after the last, and how many."""

    files: Files
    uploads: Uploads
    clock: Clock

    async def files_page(self, tenant: str, after: str | None, limit: int) -> tuple[str | None, int]:
        page = await self.files.files.list(tenant, order="asc", limit=limit, after=after)
        over = [one.value for one in page.items if is_expired(one.value, self.clock.now())]
        for file in over:
            await self.files.remove(file)
        return (page.items[-1].value.id if page.has_more else None), len(over)

    async def uploads_page(self, tenant: str, after: str | None, limit: int) -> tuple[str | None, int]:
        page = await self.uploads.uploads.list(tenant, order="asc", limit=limit, after=after)
        over = [one.value for one in page.items if self.uploads.is_over(one.value)]
        for upload in over:
            await self.uploads.remove(upload)
        return (page.items[-1].value.id if page.has_more else None), len(over)
