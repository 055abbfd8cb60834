"""From a file to its passages, whatever the file does to the process that reads it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from shared.errors import DocumentError, OverloadedError
from shared.retrieval.extraction.document import Cut, Extracted, Part
from shared.retrieval.extraction.limits import Limits
from shared.retrieval.extraction.process import ChildFailure, ChildProcess
from shared.retrieval.extraction.protocol import Job


class Extractor:
    """Reads one document at a time, in a child process that is used again until it is spent.

    `environment` is all of the environment that the child gets, beside what it needs to find our code: the platform's
    own holds secrets, and the child reads strangers' files.
    """

    def __init__(self, limits: Limits | None = None, *, environment: Mapping[str, str] | None = None) -> None:
        self._limits = limits or Limits()
        self._environment = environment or {}
        self._turn = asyncio.Semaphore(1)
        self._next = asyncio.Semaphore(1)
        self._child: ChildProcess | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._closed = False

    def prepare(self) -> None:
        """Start a child for the next document, unless there is one. A failure is told to who comes with a document."""
        if self._child is None and not self._closed and not self._turn.locked():
            self._preparing = asyncio.create_task(self._prepare())

    async def extract(self, path: Path, filename: str, part: Part | None = None, cut: Cut | None = None) -> Extracted:
        """The passages of the file at `path`. Its content says what it is; `filename` is a hint, and its name.

        A file too large for one go comes back with its parts instead; call again with each of them. Then `path` holds
        the whole file, or, where the part has a `byte_range`, those bytes and no others. Without a `cut`, passages
        are as large as the limits say, and do not overlap.

        Raise DocumentError, always terminal, with one of the codes:
        `unsupported_file` for an image, an executable, or another format that we do not read;
        `invalid_file` when it is damaged, truncated, encrypted, or over a limit, which the message names;
        `needs_ocr` for a PDF of images only; `empty` when there is no text in it.
        Raise OverloadedError when no child can be started, or after `close`.
        """
        job = Job(str(path), filename, part, cut or Cut(self._limits.chunk_tokens, 0))
        async with self._turn_of(job):
            try:
                return await self._attempt(job)
            except ChildFailure as failure:
                if not failure.again:
                    raise _refusal(filename, failure) from failure
                return await self._last_attempt(job)

    async def close(self) -> None:
        """End the child. A document that it is reading is given up, with OverloadedError."""
        self._closed = True
        if self._child:
            self._child.interrupt()
        async with self._turn:
            if self._child:
                await self._child.end()
                self._child = None

    @asynccontextmanager
    async def _turn_of(self, job: Job) -> AsyncGenerator[None]:
        """Who is next tells the child already: it need not wait until we have taken in what it said last."""
        async with self._next:
            if self._child:
                self._child.announce(job)
            await self._turn.acquire()
        try:
            yield
        finally:
            self._turn.release()

    async def _prepare(self) -> None:
        async with self._turn:
            if self._child is None and not self._closed:
                with suppress(OverloadedError):
                    self._child = await ChildProcess.start(self._limits, self._environment)

    async def _last_attempt(self, job: Job) -> Extracted:
        """In a child of its own: the first may have been full of what other documents left, or the machine busy."""
        try:
            return await self._attempt(job)
        except ChildFailure as failure:
            raise _refusal(job.filename, failure) from failure

    async def _attempt(self, job: Job) -> Extracted:
        if self._closed:
            raise OverloadedError("Documents are not read any more: the process is shutting down.")
        if self._child and not self._child.answers(job):
            await self._child.end()
            self._child = None
        child = self._child = self._child or await ChildProcess.start(self._limits, self._environment)
        try:
            return await child.extract(job)
        finally:
            if child.spent:
                self._child = None
                await child.end()


def _refusal(filename: str, failure: ChildFailure) -> DocumentError:
    return DocumentError(f"{filename!r} {failure.reason}.", code="invalid_file")
