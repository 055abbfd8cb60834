"""One worker process as the host sees it: started over a socket pair, called by message, watched until it ends."""

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import sys
from collections import deque
from pathlib import Path

from local.host.config import HostConfig, read_host_json
from local.host.frames import Line, Message

_ROOT = Path(__file__).parents[2]
_LAST_WORDS_S = 1.0
_TRACE_LINE = re.compile(r'File "([^"]+)", line (\d+)')
_log = logging.getLogger("local.host.worker")


class WorkerGoneError(Exception):
    """The worker process ended, or was ended, before it answered."""


class AppError(Exception):
    """The function app cannot be served: its code does not load, or asks for what the host does not have."""


class WorkerKilledError(AppError):
    """A worker process was killed before it had loaded its app, by somebody else: the app is not to blame."""


class WorkerProcess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.alive = True
        self.proven = False  # it has answered an invocation
        self.uri = ""
        self.pid = process.pid
        self.functions: list[Message] = []
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._process = process
        self._stopping = False
        self._pending: dict[str, asyncio.Future[Message]] = {}
        self._first: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()
        self._tail: deque[str] = deque(maxlen=20)

    async def invoke(self, message: Message) -> Message:
        """The worker's answer to an invocation. Raises WorkerGoneError when it dies first."""
        if not self.alive:
            raise WorkerGoneError(f"Worker process {self.pid} is gone.")
        answer = self._pending[message["id"]] = asyncio.get_running_loop().create_future()
        try:
            self._line.send(message)
            return await answer
        finally:
            self._pending.pop(message["id"], None)

    def kill(self) -> None:
        """End the worker and every process it started, without asking; it gets no further work from now on."""
        self.alive = False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def stop(self, grace_s: float) -> None:
        """Close the line, which asks the worker to leave; kill it when it has not left in time."""
        self._stopping = True
        self._line.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.ended), grace_s)
        self.kill()
        await self.ended

    async def attach(self, line: socket.socket, output: int, start_timeout_s: float) -> None:
        """Wait until the worker has indexed its app. Raises AppError with the reason when it cannot."""
        loop = asyncio.get_running_loop()
        _, self._line = await loop.create_connection(lambda: Line(self._receive), sock=line)
        self._line.closed.add_done_callback(self._hang_up)
        self._echoing = asyncio.create_task(self._echo(output))
        self._watching = asyncio.create_task(self._watch())
        try:
            first: Message | None = await asyncio.wait_for(self._first, start_timeout_s)
        except TimeoutError:
            first = {"failed": f"The function app did not load within {start_timeout_s:g} s.", "trace": ""}
        if first is None or "failed" in first:
            self.kill()
            code = await self.ended
            failure = first or {"failed": "the worker process ended.", "trace": "\n".join(self._tail)}
            raise (WorkerKilledError if first is None and code == -signal.SIGKILL else AppError)(_reason(failure))
        self.uri = first["ready"] or ""
        self.functions = first["functions"]

    def _receive(self, message: Message) -> None:
        if not self._first.done():
            self._first.set_result(message)
            return
        self.proven = True
        answer = self._pending.get(message["id"])
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _hang_up(self, _: object) -> None:
        """A worker that cannot answer is of no use."""
        if not self._first.done():
            self._first.set_result(None)
        if self.alive and not self._stopping:
            self.kill()

    async def _watch(self) -> None:
        code = await self._process.wait()
        self.kill()  # what the worker started must not outlive it, nor hold its output open
        self._line.close()
        await asyncio.wait({self._echoing}, timeout=_LAST_WORDS_S)
        self._echoing.cancel()
        self.ended.set_result(code)
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(WorkerGoneError(f"Worker process {self.pid} ended."))

    async def _echo(self, output: int) -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(output, "rb"))
        rest = b""
        try:
            while chunk := await reader.read(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._say(line)
        finally:
            transport.close()

    def _say(self, line: bytes) -> None:
        text = line.decode(errors="replace")
        self._tail.append(text)
        _log.info("[%s] %s", self.pid, text)


async def start_worker(config: HostConfig) -> WorkerProcess:
    ours, theirs = socket.socketpair()
    output, write_end = os.pipe()
    level = "DEBUG" if config.verbose else read_host_json(config).log_level
    arguments = [str(theirs.fileno()), str(config.app_dir), level]
    try:
        process = await asyncio.create_subprocess_exec(
            *(config.python, "-m", "local.host.worker", *arguments),
            pass_fds=[theirs.fileno()],
            cwd=_ROOT,
            env={**config.settings, "PYTHONUNBUFFERED": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=write_end,
            stderr=write_end,
            start_new_session=True,
        )
    finally:
        theirs.close()
        os.close(write_end)
    worker = WorkerProcess(process)
    try:
        await worker.attach(ours, output, config.start_timeout_s)
    except BaseException:
        worker.kill()
        raise
    return worker


def _reason(failure: Message) -> str:
    """The app's own message, with the place in its own code where it went wrong."""
    places = [place for place in _TRACE_LINE.findall(failure["trace"]) if "site-packages" not in place[0]]
    places = [place for place in places if not place[0].startswith(("<", sys.base_prefix))]
    where = f"\n  at {places[-1][0]}, line {places[-1][1]}" if places else ""
    message = failure["failed"].partition(". Cannot find module.")[0]
    return f"The function app cannot be loaded: {message}{where}"
