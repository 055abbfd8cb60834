"""Blobs: the files themselves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

FILES = "files"
"""Container of files that came through the API: `{tenant}/{file_id}`. It triggers nothing."""

DOCUMENTS = "documents"
"""Container for direct drops: `{tenant}/{vector store name}/{path}`. Every change is an event."""


@dataclass(frozen=True, slots=True)
class BlobProperties:
    etag: str
    size_bytes: int
    content_type: str | None


class Blobs(Protocol):
    """Raises CapacityError when the storage throttles or cannot be reached."""

    async def head(self, container: str, name: str) -> BlobProperties:
        """Raise NotFoundError when there is no such blob."""
        ...

    async def upload(
        self, container: str, name: str, source: BinaryIO, *, content_type: str | None = None
    ) -> BlobProperties:
        """Write the file's bytes from where it stands, replacing what was there, in constant memory."""
        ...

    async def download(self, container: str, name: str, target: Path, *, if_match: str) -> None:
        """Stream into a file. Raise NotFoundError, or PreconditionFailedError when the blob has changed."""
        ...

    def read(self, container: str, name: str) -> AsyncIterator[bytes]:
        """The content in pieces. Raise NotFoundError at the first."""
        ...

    async def delete(self, container: str, name: str) -> None:
        """Delete the blob; that it is gone already is fine."""
        ...
