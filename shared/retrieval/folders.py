"""Folders of the `documents` container: which vector store each feeds, and the records of what is dropped there."""

from dataclasses import dataclass

from shared.errors import ConflictError, NotFoundError, OverloadedError
from shared.ports.blobs import DOCUMENTS
from shared.ports.clock import Clock
from shared.ports.records import DocumentRecord, FileRecord, FolderRecord, Records, VectorStoreRecord
from shared.retrieval.blob_names import Drop, is_folder_name
from shared.retrieval.first_sight import ensure, exists, new_document
from shared.retrieval.listing import Walk, walk
from shared.retrieval.tenants import Tenants

_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Folders:
    stores: Records[VectorStoreRecord]
    folders: Records[FolderRecord]
    documents: Records[DocumentRecord]
    tenants: Tenants
    clock: Clock

    async def claim(self, store: VectorStoreRecord) -> bool:
        """Let the folder of the store's name feed it. False if the name cannot be a folder's, or it feeds another."""
        if not is_folder_name(store.name):
            return False
        try:
            await self.folders.create(FolderRecord(store.name, store.tenant, store.id))
        except ConflictError:
            return False
        return True

    async def release(self, store: VectorStoreRecord) -> None:
        """Let go of the folders that feed the store, of its name and of those it had: the next drop makes a new one."""
        async for stored in walk(self.folders, store.tenant, Walk({"store_id": store.id})):
            try:
                await self.folders.delete(store.tenant, stored.value.id, if_match=stored.etag)
            except NotFoundError:
                continue

    async def store_fed_by(self, tenant: str, name: str) -> str | None:
        """The store that a folder feeds; None where there is none yet. Makes nothing."""
        try:
            folder = (await self.folders.get(tenant, name)).value
        except NotFoundError:
            return None
        return folder.store_id if await exists(self.stores, tenant, folder.store_id) else None

    async def adopt(self, drop: Drop, size_bytes: int) -> DocumentRecord:
        """The document of a dropped blob in the store of its folder, both made on first sight."""
        store_id = await self._ensured_store(drop.tenant, drop.folder)
        file = FileRecord(
            id=drop.file_id,
            tenant=drop.tenant,
            filename=drop.path,
            purpose="assistants",
            size_bytes=size_bytes,
            created_at=self.clock.now(),
            container=DOCUMENTS,
            blob_name=drop.blob_name,
        )
        return (await ensure(self.documents, new_document(store_id, file, self.clock))).value

    async def _ensured_store(self, tenant: str, name: str) -> str:
        for _ in range(_ROUNDS):
            folder = (await ensure(self.folders, FolderRecord(name, tenant, self.clock.new_id("vs_")))).value
            if await exists(self.stores, tenant, folder.store_id) or await self._make_store(folder):
                return folder.store_id
        raise OverloadedError(f"Vector store {name!r} keeps being made and deleted.", retry_after_s=1)

    async def _make_store(self, folder: FolderRecord) -> bool:
        """Make the store that a folder promises. False when the folder was released meanwhile: then none is made."""
        await self.tenants.enter(folder.tenant)
        store = VectorStoreRecord(folder.store_id, folder.tenant, folder.id, created_at=self.clock.now())
        await ensure(self.stores, store)
        if await self._still_feeds(folder):
            return True
        try:
            await self.stores.delete(store.tenant, store.id)
        except NotFoundError:
            return False
        return False

    async def _still_feeds(self, folder: FolderRecord) -> bool:
        try:
            return (await self.folders.get(folder.tenant, folder.id)).value == folder
        except NotFoundError:
            return False
