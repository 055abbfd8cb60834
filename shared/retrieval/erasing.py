"""What retrieval has of a tenant, taken away: documents and chunks, parts of uploads, blobs, vectors of texts."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import NotFoundError, OverloadedError, PreconditionFailedError
from shared.ports.blobs import DOCUMENTS, FILES, Blobs
from shared.ports.cache import EmbeddingCache
from shared.ports.chunks import Chunks
from shared.ports.erasure import Leaving, Turn
from shared.ports.exports import EXPORTS
from shared.ports.pages import each
from shared.ports.records import DocumentRecord, Records, Stored, UploadRecord, VectorStoreRecord
from shared.retrieval.removal import Removal
from shared.retrieval.uploads import Uploads

_ROUNDS = 8
_PAGE = 200
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class ErasedDocuments:
    """Each by itself, so that no turn has more chunks to delete than one document has. What is left of its store, a
    deleted one's too, goes with the last of its documents on a page."""

    documents: Records[DocumentRecord]
    chunks: Chunks
    removal: Removal

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        seen: dict[str, None] = {}

        async def remove(stored: Stored[DocumentRecord]) -> int:
            seen[stored.value.store_id] = None
            return await self._remove(stored)

        turn = await each(self.documents, leaving.tenant, position, remove)
        for store_id in seen:
            await self.chunks.drop_store(leaving.tenant, store_id)
        return turn

    async def _remove(self, stored: Stored[DocumentRecord]) -> int:
        for _ in range(_ROUNDS):
            try:
                await self.removal.remove(stored, blob_etag=None)
            except NotFoundError:
                return 0
            except PreconditionFailedError:
                stored = await self.documents.get(stored.value.tenant, stored.value.id)
            else:
                return 1 if stored.value.state != "deleted" else 0
        raise OverloadedError(f"Document {stored.value.id!r} keeps changing.", retry_after_s=5)


@dataclass(frozen=True, slots=True)
class ErasedStores:
    stores: Records[VectorStoreRecord]
    chunks: Chunks

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        return await each(self.stores, leaving.tenant, position, self._drop)

    async def _drop(self, stored: Stored[VectorStoreRecord]) -> int:
        await self.chunks.drop_store(stored.value.tenant, stored.value.id)
        return 1


@dataclass(frozen=True, slots=True)
class ErasedUploads:
    """Blocks of files that were never put together are no blobs yet: only their uploads know of them."""

    uploads: Uploads

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        return await each(self.uploads.uploads, leaving.tenant, position, self._clear)

    async def _clear(self, stored: Stored[UploadRecord]) -> int:
        await self.uploads.clear(stored.value)
        return 1


@dataclass(frozen=True, slots=True)
class ErasedBlobs:
    """Of every container, whether a record knows of them or not. The position is the container."""

    blobs: Blobs
    containers: Sequence[str] = (FILES, DOCUMENTS, EXPORTS)

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        container = position or self.containers[0]
        erased, following = 0, None
        while not erased:
            page = await self.blobs.list(container, prefix=f"{leaving.tenant}/", limit=_PAGE, following=following)
            for some in itertools.batched(page.items, _AT_ONCE, strict=False):
                await asyncio.gather(*(self.blobs.delete(container, blob.name) for blob in some))
            erased, following = len(page.items), page.following
            if following is None and not erased:
                return Turn(0, self._after(container))
        return Turn(erased, container)

    def _after(self, container: str) -> str | None:
        rest = self.containers[self.containers.index(container) + 1 :]
        return rest[0] if rest else None


@dataclass(frozen=True, slots=True)
class ErasedEmbeddings:
    """Vectors of texts, which the cache would keep for months."""

    cache: EmbeddingCache
    spaces: Sequence[str]

    async def turn(self, leaving: Leaving, position: str | None) -> Turn:
        del position
        for space in self.spaces:
            if erased := await self.cache.forget(leaving.tenant, space, limit=_PAGE):
                return Turn(erased, space)
        return Turn(0, None)
