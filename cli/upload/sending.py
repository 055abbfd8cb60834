"""Sending files: in one piece or in parts, each attached as soon as it is there."""

import asyncio
import hashlib
import mimetypes
import signal
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import openai
from openai import AsyncOpenAI

from cli import sdk
from cli.api import Json
from cli.output import note
from cli.upload.folders import LocalFile
from cli.upload.known import PATH, SHA256, Attributes, Known
from cli.upload.progress import Progress

PURPOSE = "assistants"
MAX_NAME = 512

type What = Literal["uploaded", "unchanged", "relabelled", "retried", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. `replaces` are ids of older versions, which go once this one can be found."""

    name: str
    what: What
    file_id: str | None = None
    reason: str = ""
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Uploader:
    """`given` are attributes from the command line; a file longer than `part_bytes` goes in parts of that size."""

    client: AsyncOpenAI
    store_id: str
    known: Mapping[str, Known]
    given: Attributes
    part_bytes: int
    progress: Progress

    async def bring_all(self, files: Sequence[LocalFile], *, at_once: int) -> list[Outcome]:
        """In the order of `files`. Ctrl-C lets those come to their end that are on their way, so that none is left half
        brought; the second ends everything at once."""
        slots, outcomes = asyncio.Semaphore(at_once), dict[str, Outcome]()

        async def one(file: LocalFile) -> None:
            async with slots:
                if not stop.is_set():
                    outcomes[file.name] = outcome = await self._bring(file)
                    self.progress.settled(file.name, outcome.what)

        with _first_interrupt() as stop:
            try:
                async with asyncio.TaskGroup() as group:
                    for file in files:
                        group.create_task(one(file))
            except ExceptionGroup as group:
                raise group.exceptions[0] from group
        if stop.is_set():
            raise KeyboardInterrupt
        return [outcomes[file.name] for file in files]

    async def _bring(self, file: LocalFile) -> Outcome:
        """What the server has against one file is that file's failure; against all of them, it is raised."""
        try:
            _check_name(file.name)
            digest = await asyncio.to_thread(_sha256, file.path)
            known = self.known.get(file.name, Known())
            there = known.made_of(digest)
            if there is not None:
                self.progress.sent(file.size_bytes)
                return await self._keep(file, there, known)
            attributes = {**known.attributes(), **self.given, PATH: file.name, SHA256: digest}
            file_id = await self._attach(await self._send(file), attributes)
            return Outcome(file.name, "uploaded", file_id, replaces=known.others(file_id))
        except (openai.AuthenticationError, openai.PermissionDeniedError):
            raise
        except openai.APIStatusError as error:
            return Outcome(file.name, "failed", reason=sdk.said(error))
        except (OSError, ValueError) as error:
            return Outcome(file.name, "failed", reason=str(error))

    async def _keep(self, file: LocalFile, there: Json, known: Known) -> Outcome:
        """Its bytes are there; what is said of it may have changed, or it failed through no fault of its own."""
        file_id, had = there["id"], there["attributes"]
        what: What = "unchanged"
        if {**had, **self.given} != had:
            await self.client.vector_stores.files.update(
                file_id, vector_store_id=self.store_id, attributes={**had, **self.given}
            )
            what = "relabelled"
        elif there["status"] == "failed" and there["last_error"]["code"] == "server_error":
            path = f"/vector_stores/{self.store_id}/files/{file_id}/retry"
            await self.client.post(path, cast_to=object)
            what = "retried"
        return Outcome(file.name, what, file_id, replaces=known.others(file_id))

    async def _attach(self, file_id: str, attributes: Attributes) -> str:
        try:
            await self.client.vector_stores.files.create(self.store_id, file_id=file_id, attributes=dict(attributes))
        except openai.APIStatusError:
            await self.client.files.delete(file_id)  # nobody would ever find it
            raise
        return file_id

    async def _send(self, file: LocalFile) -> str:
        if file.size_bytes > self.part_bytes:
            return await self._send_parts(file)
        with file.path.open("rb") as content:
            sent = await self.client.files.create(file=(file.path.name, content, _kind(file)), purpose=PURPOSE)
        self.progress.sent(file.size_bytes)
        return sent.id

    async def _send_parts(self, file: LocalFile) -> str:
        upload = await self.client.uploads.create(
            bytes=file.size_bytes, filename=file.path.name, mime_type=_kind(file), purpose=PURPOSE
        )
        parts: list[str] = []
        with file.path.open("rb") as content:
            while part := await asyncio.to_thread(content.read, self.part_bytes):
                parts.append((await self.client.uploads.parts.create(upload.id, data=part)).id)
                self.progress.sent(len(part))
        done = await self.client.uploads.complete(upload.id, part_ids=parts)
        if done.file is None:
            raise ValueError(f"the upload {upload.id} ended as {done.status!r}")
        return done.file.id


@contextmanager
def _first_interrupt() -> Generator[asyncio.Event]:
    """Set by the first SIGINT; the next is Python's own again."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def interrupted() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        stop.set()
        note("Files on their way are finished; Ctrl-C again leaves at once.")

    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        yield stop
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _check_name(name: str) -> None:
    """Raise ValueError for one that cannot be an attribute."""
    if len(name) > MAX_NAME:
        raise ValueError(f"its path has {len(name)} characters; {MAX_NAME} are allowed")
    if any("\ud800" <= mark <= "\udfff" for mark in name):
        raise ValueError("its path is not UTF-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _kind(file: LocalFile) -> str:
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"
