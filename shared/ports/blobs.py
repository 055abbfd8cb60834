"""Blobs: the files themselves."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

FILES = "files"
"""Container of files that came through the API: `{tenant}/{file_id}`. It triggers nothing."""

BLOCK_BYTES = 1024 * 1024
"""The largest block of a blob that is written in blocks."""

DOCUMENTS = "documents"
"""Container for direct drops: `{tenant}/{vector store name}/{path}`. Every change is an event."""


@dataclass(frozen=True, slots=True)
class BlobProperties:
    """`metadata` is what its uploader noted beside it. To change that changes the etag."""

    etag: str
    size_bytes: int
    content_type: str | None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ListedBlob:
    name: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class BlobPage:
    """Blobs in the order of their names. `following` is where the next page begins; None after the last."""

    items: tuple[ListedBlob, ...]
    following: str | None = None


class Blobs(Protocol):
    """Raises CapacityError when the storage throttles or cannot be reached."""

    async def head(self, container: str, name: str) -> BlobProperties:
        """Raise NotFoundError when there is no such blob."""
        ...

    async def upload(
        self,
        container: str,
        name: str,
        source: BinaryIO,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> BlobProperties:
        """Write the file's bytes from where it stands, replacing what was there, in constant memory."""
        ...

    async def download(
        self, container: str, name: str, target: Path, *, if_match: str, byte_range: tuple[int, int] | None = None
    ) -> None:
        """Stream into a file: all of it, or the bytes of a range, its end exclusive. Raise NotFoundError, or
        PreconditionFailedError when the blob has changed."""
        ...

    def read(self, container: str, name: str, *, byte_range: tuple[int, int] | None = None) -> AsyncIterator[bytes]:
        """The content in pieces: all of it, or the bytes of a range, its end exclusive. Raise NotFoundError at the
        first."""
        ...

    async def stage(self, container: str, name: str, block: str, content: bytes) -> None:
        """Keep at most `BLOCK_BYTES` under an id, for a `commit` within a week; the same id again replaces them.

        All ids of a blob are equally long, at most 64 ASCII characters. The blob itself stays as it is, or is not.
        """
        ...

    async def commit(
        self, container: str, name: str, blocks: Sequence[str], *, content_type: str | None = None
    ) -> BlobProperties:
        """Make the blob of its blocks, in this order, at once; blocks that are not named are dropped. With the same
        blocks again it gives the same blob. Raise NotFoundError when one of them is not there; nothing changes then.
        """
        ...

    async def delete(self, container: str, name: str) -> None:
        """Delete the blob; that it is gone already is fine."""
        ...

    async def list(
        self, container: str, *, prefix: str = "", limit: int = 1000, following: str | None = None
    ) -> BlobPage:
        """At most `limit` (1 to 5,000) of the blobs whose names begin so, and maybe fewer, also before the last page.

        `following` is the opaque mark of an earlier page with the same prefix. Nothing is in a container that is not
        there.
        """
        ...
