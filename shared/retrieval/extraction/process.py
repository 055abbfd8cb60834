"""The parent's end of a child process that reads documents."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from signal import SIGKILL, SIGXCPU, Signals
from typing import Self, cast

from shared.errors import DocumentError, OverloadedError
from shared.retrieval.extraction.document import Extracted, Part, Passage
from shared.retrieval.extraction.limits import Limits, mib
from shared.retrieval.extraction.protocol import (
    MAX_LINE_BYTES,
    Done,
    Failed,
    Job,
    Line,
    Passages,
    Ready,
    Refused,
    Start,
    decode,
    encode,
)

_COMMAND = (sys.executable, "-m", "shared.retrieval.extraction.child")


class ChildFailure(Exception):  # noqa: N818 - not an error of the platform: the extractor answers it
    """The child did not survive its document. `reason` goes on from the document's name; `detail` is for operators.

    `again` says whether another child could do better: one that is not as full, or at a time that is not as busy.
    """

    def __init__(self, reason: str, detail: str, *, again: bool) -> None:
        super().__init__(detail)
        self.reason = reason
        self.again = again


class ChildProcess:
    """One child, for one document at a time. When it is `spent`, all that is left to do is `end`."""

    def __init__(self, process: Process, limits: Limits) -> None:
        self._process = process
        self._limits = limits
        self._documents = 0
        self._resident_bytes = 0
        self._busy = True
        self._ahead: Job | None = None

    @classmethod
    async def start(cls, limits: Limits, environment: Mapping[str, str]) -> Self:
        """Raise OverloadedError when the machine cannot start one now."""
        variables = {**environment, "PYTHONPATH": os.pathsep.join(sys.path), "MALLOC_ARENA_MAX": "2"}
        try:
            process = await asyncio.create_subprocess_exec(
                *_COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=variables, limit=MAX_LINE_BYTES
            )
        except OSError as error:
            raise _unstarted() from error
        child = cls(process, limits)
        try:
            await child._greet()
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def spent(self) -> bool:
        """Whether it must not get another document: it did not finish the last, is old, or has grown."""
        return self._busy or self._old or self._resident_bytes > self._limits.recycle_bytes

    @property
    def _old(self) -> bool:
        return self._documents >= self._limits.documents_per_child

    def announce(self, job: Job) -> None:
        """Let it begin this document as soon as it is done with the one at hand, before anybody asks for it."""
        pipe = cast("asyncio.StreamWriter", self._process.stdin)
        if self._busy and self._ahead is None and not self._old and not pipe.is_closing():
            self._ahead = job
            pipe.write(encode(job))

    def answers(self, job: Job) -> bool:
        """Whether the next answer would be to this document, and not to one that was announced and given up."""
        return self._ahead is None or self._ahead is job

    async def extract(self, job: Job) -> Extracted:
        """Raise DocumentError when the document is at fault, ChildFailure when the child did not survive it."""
        self._busy = True
        self._documents += 1
        try:
            async with asyncio.timeout(self._limits.deadline_s):
                return await self._converse(job)
        except TimeoutError as error:
            reason = f"took longer than the {self._limits.deadline_s:g} s allowed"
            raise ChildFailure(reason, "deadline", again=True) from error

    def interrupt(self) -> None:
        """Kill it if it is at work."""
        if (self._busy or self._ahead) and self._process.returncode is None:
            self._process.kill()

    async def end(self) -> None:
        """Kill it if it is at work, else let it exit; return when it is gone."""
        self.interrupt()
        await self._exit()

    async def _exit(self) -> None:
        """Its stdin is closed, and what it says is read to the end: a full pipe would hold it back."""
        try:
            async with asyncio.timeout(self._limits.end_s):
                await self._process.communicate()
        except TimeoutError:
            self._process.kill()
            await self._process.communicate()

    async def _greet(self) -> None:
        try:
            async with asyncio.timeout(self._limits.start_s):
                await self._send(Start(os.getpid(), self._limits))
                await self._ready()
        except (TimeoutError, ChildFailure) as error:
            raise _unstarted() from error
        self._busy = False

    async def _ready(self) -> None:
        """Whatever it prints before it has taken its stdout for itself is not for us."""
        while await self._line() != encode(Ready()):
            continue

    async def _converse(self, job: Job) -> Extracted:
        passages: list[Passage] = []
        parts: list[Part] = []
        if self._ahead is not job:
            await self._send(job)
        self._ahead = None
        while isinstance(line := await self._receive(), Passages | Part):
            if isinstance(line, Part):
                parts.append(line)
            else:
                passages += line.passages
        end = cast("Done | Refused", line)
        self._busy = False
        self._resident_bytes = end.resident_bytes
        if isinstance(end, Refused):
            raise DocumentError(end.message, code=end.code)
        return Extracted(tuple(passages), end.characters, end.pages, tuple(parts))

    async def _send(self, line: Line) -> None:
        pipe = cast("asyncio.StreamWriter", self._process.stdin)
        try:
            pipe.write(encode(line))
            await pipe.drain()
        except ConnectionError as error:
            raise await self._failure() from error

    async def _receive(self) -> Line:
        line = decode(await self._line())
        if isinstance(line, Failed):
            await self._exit()
            reason = self._memory() if line.out_of_memory else "could not be read"
            raise ChildFailure(reason, line.detail, again=line.out_of_memory and self._full)
        return line

    async def _line(self) -> bytes:
        raw = await cast("asyncio.StreamReader", self._process.stdout).readline()
        if not raw.endswith(b"\n"):
            raise await self._failure()
        return raw

    async def _failure(self) -> ChildFailure:
        """Why it is gone, by how it went."""
        await self._exit()
        status = cast("int", self._process.returncode)
        cause = Signals(-status).name if status < 0 else f"exit status {status}"
        if status == -SIGXCPU:
            most = f"{self._limits.cpu_s} s, and 1 s more for each MiB"
            return ChildFailure(f"needed more processor time than is allowed ({most})", cause, again=False)
        again = self._full or status == -SIGKILL  # by the system, when all of the machine's memory is taken
        return ChildFailure(f"{self._memory()} or broke the library that reads it ({cause})", cause, again=again)

    @property
    def _full(self) -> bool:
        """Whether what earlier documents have left behind may have been too much, and not this one."""
        return self._resident_bytes > self._limits.recycle_bytes // 2

    def _memory(self) -> str:
        return f"needed more than the {mib(self._limits.memory_bytes)} of memory allowed"


def _unstarted() -> OverloadedError:
    return OverloadedError("The process that reads documents could not be started.")
