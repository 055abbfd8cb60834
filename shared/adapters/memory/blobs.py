"""Blobs in a dictionary, whole."""

from collections.abc import AsyncIterator, Mapping, Sequence
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import BinaryIO

from shared.errors import NotFoundError, PreconditionFailedError
from shared.ports.blobs import BlobPage, BlobProperties, ListedBlob

_PIECE_BYTES = 64 * 1024
_DEFAULT_TYPE = "application/octet-stream"


class MemoryBlobs:
    """Implements `Blobs`. ETags are quoted, as HTTP has them."""

    def __init__(self) -> None:
        self._blobs: dict[tuple[str, str], tuple[BlobProperties, bytes]] = {}
        self._blocks: dict[tuple[str, str], dict[str, bytes]] = {}
        self._etags = count(1)

    async def head(self, container: str, name: str) -> BlobProperties:
        return self._find(container, name)[0]

    async def upload(
        self,
        container: str,
        name: str,
        source: BinaryIO,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobProperties:
        content = source.read()
        etag = f'"0x{next(self._etags):X}"'
        written = BlobProperties(etag, len(content), content_type or _DEFAULT_TYPE, dict(metadata or {}))
        self._blobs[container, name] = written, content
        return written

    async def download(
        self, container: str, name: str, target: Path, *, if_match: str, byte_range: tuple[int, int] | None = None
    ) -> None:
        found, content = self._find(container, name)
        if if_match.strip('"') != found.etag.strip('"'):
            raise PreconditionFailedError(f"Blob {name!r} in {container!r} has changed.")
        _write(target, content[slice(*byte_range)] if byte_range else content)

    async def read(
        self, container: str, name: str, *, byte_range: tuple[int, int] | None = None
    ) -> AsyncIterator[bytes]:
        _, content = self._find(container, name)
        content = content[slice(*byte_range)] if byte_range else content
        for start in range(0, len(content), _PIECE_BYTES):
            yield content[start : start + _PIECE_BYTES]

    async def stage(self, container: str, name: str, block: str, content: bytes) -> None:
        self._blocks.setdefault((container, name), {})[block] = content

    async def commit(
        self, container: str, name: str, blocks: Sequence[str], *, content_type: str | None = None
    ) -> BlobProperties:
        known = self._blocks.get((container, name), {})
        if missing := [block for block in blocks if block not in known]:
            raise NotFoundError(f"No block {missing[0]!r} of {name!r} in {container!r}.")
        self._blocks[container, name] = {block: known[block] for block in blocks}
        whole = BytesIO(b"".join(known[block] for block in blocks))
        return await self.upload(container, name, whole, content_type=content_type)

    async def delete(self, container: str, name: str) -> None:
        self._blobs.pop((container, name), None)

    async def list(
        self, container: str, *, prefix: str = "", limit: int = 1000, following: str | None = None
    ) -> BlobPage:
        begun = sorted(name for place, name in self._blobs if place == container and name.startswith(prefix))
        names = [name for name in begun if following is None or name >= following]
        known = [(name, self._blobs[container, name][0]) for name in names[:limit]]
        items = tuple(ListedBlob(name, found.etag, found.size_bytes) for name, found in known)
        return BlobPage(items, names[limit] if len(names) > limit else None)

    def _find(self, container: str, name: str) -> tuple[BlobProperties, bytes]:
        if (container, name) not in self._blobs:
            raise NotFoundError(f"No blob {name!r} in {container!r}.")
        return self._blobs[container, name]


def _write(target: Path, content: bytes) -> None:
    target.write_bytes(content)
