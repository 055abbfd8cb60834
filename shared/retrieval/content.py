"""A document's blob, in the very version that its record names, as a file; and the passages in it."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shared.errors import NotFoundError, PreconditionFailedError
from shared.ports.blobs import Blobs
from shared.ports.records import DocumentRecord
from shared.retrieval.extraction.document import Cut, Extracted, Part

_SMALL_BYTES = 2**16
"""Hashed in a tenth of a millisecond, which is what it takes to ask a thread."""

_IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 -- the files there are ours alone


class Reader(Protocol):
    """How a file becomes passages; `extraction.extractor` is the one that is deployed."""

    async def extract(self, path: Path, filename: str, part: Part | None = None, cut: Cut | None = None) -> Extracted:
        """The passages of a file, or the parts that it is to be read in, or the passages of one of these.

        Raise DocumentError for a file that cannot be indexed.
        """
        ...

    def prepare(self) -> None:
        """Something is about to be read: start what that takes."""
        ...


@dataclass(frozen=True, slots=True)
class Content:
    blobs: Blobs
    reader: Reader

    async def fetch(self, document: DocumentRecord, path: Path) -> str:
        """Download it; return its digest. Raise PreconditionFailedError when the blob has changed or is gone."""
        await self._download(document, path, None)
        return _sha256(path) if _is_small(path) else await asyncio.to_thread(_sha256, path)

    async def fetch_part(self, document: DocumentRecord, path: Path, part: Part) -> None:
        """The same, of no more than reading the part takes."""
        await self._download(document, path, part.byte_range)

    async def extract(self, document: DocumentRecord, path: Path, part: Part | None = None) -> Extracted:
        how = document.chunking
        cut = None if how is None else Cut(how.max_tokens, how.overlap_tokens)
        return await self.reader.extract(path, document.filename, part, cut)

    async def _download(self, document: DocumentRecord, path: Path, byte_range: tuple[int, int] | None) -> None:
        container, name, etag = document.container, document.blob_name, document.blob_etag or ""
        self.reader.prepare()
        try:
            await self.blobs.download(container, name, path, if_match=etag, byte_range=byte_range)
        except NotFoundError as error:
            raise PreconditionFailedError(f"Blob {name!r} has gone.") from error


@contextmanager
def scratch(size_bytes: int | None = None) -> Generator[Path]:
    """A file of our own, gone afterwards; in memory if it is known to be small.

    On a disk it takes 0.7 ms of the event loop, mostly to be deleted, and as much again if it has a folder to itself.
    """
    small = size_bytes is not None and size_bytes <= _SMALL_BYTES
    descriptor, name = tempfile.mkstemp(prefix="document-", dir=_IN_MEMORY if small else None)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _is_small(path: Path) -> bool:
    return path.stat().st_size <= _SMALL_BYTES


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
