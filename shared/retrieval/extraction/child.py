"""The program that reads documents, one after another: `python -m shared.retrieval.extraction.child`.

It may be killed by a document, so it holds nothing that matters. It ends when its stdin does.
"""

import ctypes
import os
import resource
import signal
import sys
import time
from importlib import import_module
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from shared.errors import DocumentError
from shared.retrieval.extraction import reading
from shared.retrieval.extraction.document import Cut, Document, Part
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import Limits
from shared.retrieval.extraction.protocol import (
    Done,
    Failed,
    Job,
    Line,
    Ready,
    Refused,
    Start,
    decode,
    encode,
    together,
)

_PR_SET_PDEATHSIG = 1


class Child:
    """Answers jobs on a channel that no native library can print into."""

    def __init__(self, channel: BinaryIO, limits: Limits) -> None:
        self._channel = channel
        self._limits = limits

    def say(self, line: Line) -> None:
        self._channel.write(encode(line))

    def serve(self, job: Job) -> None:
        _allow_cpu(self._limits.cpu_for(Path(job.path).stat().st_size))
        try:
            self._extract(job)
        except DocumentError as error:
            self.say(Refused(error.code, str(error), _resident_bytes()))
        self._channel.flush()

    def _extract(self, job: Job) -> None:
        source = Source(Path(job.path), job.filename)
        found = reading.part(source, self._limits, job.part) if job.part else reading.parts(source, self._limits)
        if isinstance(found, Document):
            self._cut(found, job.cut)
        else:
            self._list(found)

    def _cut(self, document: Document, how: Cut) -> None:
        # rs-bpe loads 70 MB: not for documents that are refused before.
        chunking = import_module("shared.retrieval.chunking")
        for some in together(chunking.passages(document, how.max_tokens, how.overlap_tokens)):
            self.say(some)
        self.say(Done(len(document.text), len(document.page_starts) or None, _resident_bytes()))

    def _list(self, parts: tuple[Part, ...]) -> None:
        for part in parts:
            self.say(part)
        pages = parts[-1].end if parts[-1].unit == "pages" else None
        self.say(Done(0, pages, _resident_bytes()))

    def last_words(self, kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        """What `sys.excepthook` does: a document found an error that nobody foresaw."""
        self.say(Failed(issubclass(kind, MemoryError), f"{kind.__name__}: {error}"[:500]))
        self._channel.flush()


def _confine(start: Start) -> None:
    """Die with the parent, even if it is killed; never use more memory than allowed; leave no core behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != start.parent_pid:
        sys.exit()
    resource.setrlimit(resource.RLIMIT_AS, (start.limits.memory_bytes, start.limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow_cpu(seconds: int) -> None:
    """From now on; the kernel counts from the process's start, and ends it with SIGXCPU."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(time.process_time()) + seconds, hard))


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _channel() -> BinaryIO:
    """Stdout for us alone: whatever prints to it from now on goes where stderr goes."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return channel


def main() -> None:
    channel = _channel()
    lines = map(decode, sys.stdin.buffer)
    start = cast("Start", next(lines))
    child = Child(channel, start.limits)
    sys.excepthook = child.last_words
    _confine(start)
    child.say(Ready())
    channel.flush()
    for job in lines:
        child.serve(cast("Job", job))


if __name__ == "__main__":
    main()
