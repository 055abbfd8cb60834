"""The `Blobs` port over azure-storage-blob. Content streams in pieces: memory does not grow with the file."""

import asyncio
import os
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from shared.adapters.storage.auth import API_VERSION, Bearer, StorageAccount
from shared.errors import CapacityError, NotFoundError, PlatformError, PreconditionFailedError
from shared.ports.blobs import BLOCK_BYTES, BlobPage, BlobProperties, ListedBlob

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob.aio import BlobClient, BlobServiceClient, ExponentialRetry, StorageStreamDownloader

PIECE_BYTES = 4 * 1024 * 1024
_DEFAULT_TYPE = "application/octet-stream"
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


class StorageBlobs:
    """Names are as their users know them; percent-encoding is the SDK's work. ETags are quoted, as HTTP has them."""

    def __init__(self, account: StorageAccount, *, credential: "AsyncTokenCredential | None" = None) -> None:
        self._account = account
        self._identity = Bearer(credential)
        self._client: BlobServiceClient | None = None

    async def head(self, container: str, name: str) -> BlobProperties:
        with _translated(container, name):
            found = await self._blob(container, name).get_blob_properties()
            kind, metadata = found.content_settings.content_type, dict(found.metadata or {})
            return BlobProperties(_quoted(found.etag), found.size, kind, metadata)

    async def upload(
        self,
        container: str,
        name: str,
        source: BinaryIO,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobProperties:
        start, size = await asyncio.to_thread(_extent, source)
        promised = BlobProperties("", size, content_type or _DEFAULT_TYPE, dict(metadata or {}))
        try:
            return await self._write(container, name, source, promised)
        except NotFoundError:
            await self._create(container)
            await asyncio.to_thread(source.seek, start)
            return await self._write(container, name, source, promised)

    async def download(
        self, container: str, name: str, target: Path, *, if_match: str, byte_range: tuple[int, int] | None = None
    ) -> None:
        try:
            await self._fetch(container, name, target, if_match, **_extent_of(byte_range))
        except PreconditionFailedError:
            await self.head(container, name)  # Azurite answers 412 for a blob that is gone, too
            raise

    async def read(
        self, container: str, name: str, *, byte_range: tuple[int, int] | None = None
    ) -> AsyncIterator[bytes]:
        with _translated(container, name):
            content = await self._open(container, name, **_extent_of(byte_range))
            async for piece in content.chunks():
                yield piece

    async def stage(self, container: str, name: str, block: str, content: bytes) -> None:
        try:
            await self._stage(container, name, block, content)
        except NotFoundError:
            await self._create(container)
            await self._stage(container, name, block, content)

    async def commit(
        self, container: str, name: str, blocks: Sequence[str], *, content_type: str | None = None
    ) -> BlobProperties:
        from azure.storage.blob import BlobBlock, ContentSettings

        kind = content_type or _DEFAULT_TYPE
        with _translated(container, name):
            named = [BlobBlock(block_id=block) for block in blocks]
            await self._blob(container, name).commit_block_list(named, content_settings=ContentSettings(kind))
        return await self.head(container, name)

    async def delete(self, container: str, name: str) -> None:
        try:
            with _translated(container, name):
                await self._blob(container, name).delete_blob(delete_snapshots="include")
        except NotFoundError:
            return

    async def list(
        self, container: str, *, prefix: str = "", limit: int = 1000, following: str | None = None
    ) -> BlobPage:
        listing = self._service().get_container_client(container).list_blobs(prefix or None, results_per_page=limit)
        pages: Any = listing.by_page(following)
        try:
            with _translated(container, prefix):
                items = [ListedBlob(blob.name, _quoted(blob.etag), blob.size) async for blob in await anext(pages)]
        except NotFoundError:
            return BlobPage(())
        return BlobPage(tuple(items), pages.continuation_token or None)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
        await self._identity.close()

    async def _stage(self, container: str, name: str, block: str, content: bytes) -> None:
        with _translated(container, name):
            await self._blob(container, name).stage_block(block, content, length=len(content))

    async def _fetch(self, container: str, name: str, target: Path, if_match: str, **extent: int) -> None:
        unchanged: dict[str, Any] = {"etag": _quoted(if_match), "match_condition": _if_not_modified()}
        with _translated(container, name):
            content = await self._open(container, name, **unchanged, **extent)
            with await asyncio.to_thread(target.open, "wb") as file:
                async for piece in content.chunks():
                    await asyncio.to_thread(file.write, piece)

    async def _open(self, container: str, name: str, **conditions: Any) -> "StorageStreamDownloader[bytes]":
        return await self._blob(container, name).download_blob(max_concurrency=1, encoding=None, **conditions)

    async def _write(self, container: str, name: str, source: BinaryIO, promised: BlobProperties) -> BlobProperties:
        from azure.storage.blob import ContentSettings

        with _translated(container, name):
            written = await self._blob(container, name).upload_blob(
                _Source(source),  # pyright: ignore[reportArgumentType] -- it awaits `read`, its types forget to say so
                length=promised.size_bytes,
                overwrite=True,
                metadata=dict(promised.metadata),
                content_settings=ContentSettings(content_type=promised.content_type),
            )
        return replace(promised, etag=_quoted(str(written["etag"])))

    async def _create(self, container: str) -> None:
        from azure.core.exceptions import ResourceExistsError

        with _translated(container, ""):
            try:
                await self._service().create_container(container)
            except ResourceExistsError:
                return

    def _blob(self, container: str, name: str) -> "BlobClient":
        return self._service().get_blob_client(container, name)

    def _service(self) -> "BlobServiceClient":
        if self._client is None:
            from azure.storage.blob.aio import BlobServiceClient

            key = {"account_name": self._account.name, "account_key": self._account.key or ""}
            self._client = BlobServiceClient(
                self._account.blob_url,
                credential=key if self._account.key else self._identity.credential(),
                api_version=API_VERSION,
                retry_policy=_retries(),
                connection_timeout=5,
                max_single_put_size=BLOCK_BYTES,  # a larger body of raw bytes holds up the loop: aiohttp warns
                max_block_size=BLOCK_BYTES,
                max_single_get_size=PIECE_BYTES,
                max_chunk_get_size=PIECE_BYTES,
            )
        return self._client


class _Source:
    """A file that the SDK reads without blocking the loop."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def read(self, size: int) -> bytes:
        return await asyncio.to_thread(self._file.read, size)


def _extent(file: BinaryIO) -> tuple[int, int]:
    """Where the file stands, and how many bytes there are from there."""
    start = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(start)
    return start, end - start


def _extent_of(byte_range: tuple[int, int] | None) -> dict[str, int]:
    return {} if byte_range is None else {"offset": byte_range[0], "length": byte_range[1] - byte_range[0]}


def _quoted(etag: str) -> str:
    return etag if etag.startswith('"') else f'"{etag}"'


def _retries() -> "ExponentialRetry":
    """About 2 s in all: whoever called is waiting, and retries better than we do."""
    from azure.storage.blob.aio import ExponentialRetry

    return ExponentialRetry(initial_backoff=0, increment_base=1, retry_total=2, random_jitter_range=1)


def _if_not_modified() -> Any:
    from azure.core import MatchConditions

    return MatchConditions.IfNotModified


@contextmanager
def _translated(container: str, name: str) -> Generator[None]:
    from azure.core.exceptions import AzureError, HttpResponseError

    try:
        yield
    except HttpResponseError as error:
        raise _from_status(error, f"{container}/{name}") from error
    except AzureError as error:
        raise CapacityError("Blob storage cannot be reached.", retry_after_s=5) from error


def _from_status(error: "HttpResponseError", what: str) -> PlatformError:
    if error.status_code == 404 or getattr(error, "error_code", None) == "InvalidBlockList":
        return NotFoundError(f"No blob {what!r}.")
    if error.status_code == 412:
        return PreconditionFailedError(f"Blob {what!r} has changed.")
    if error.status_code in _TRANSIENT:
        return CapacityError(f"Blob storage is busy: {error.status_code}.", retry_after_s=1)
    return PlatformError(f"Blob storage refused {what!r}: {error.status_code}.")
