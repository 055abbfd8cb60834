"""The model server as a child process of local mode: started, watched, started again when it dies."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable

from local.models.packages import ROOT, SetupError

KEY_VARIABLE = "MODEL_SERVER_KEY"
READY = "Models on "  # begins the line that says that it serves
_FIRST_BACK_OFF_S = 0.5
_MAX_BACK_OFF_S = 30.0


class ModelChild:
    """Ends with this process: the server watches its standard input, which closes when we are gone."""

    def __init__(self, port: int, key: str, *, say: Callable[[str], None]) -> None:
        self._port, self._key, self._say = port, key, say
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when it serves, which at first takes as long as fetching the models. Raise SetupError if it ends."""
        reader = await self._spawn()
        if not await self._until_ready(reader):
            raise SetupError("The model server ended at start-up; the lines above say why.")
        self._keeper = asyncio.create_task(self._keep(reader))

    async def stop(self) -> None:
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)  # its whole session: it may be fetching with an installer
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 5)
                return

    async def _spawn(self) -> asyncio.StreamReader:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "local.models", "--port", str(self._port), "--with-parent"),
            cwd=ROOT,
            env=os.environ | {KEY_VARIABLE: self._key},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # a terminal's Ctrl-C is for us; we stop it in our own order
        )
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        return self._process.stdout

    async def _until_ready(self, reader: asyncio.StreamReader) -> bool:
        async for line in reader:
            self._say(line.decode(errors="replace").rstrip())
            if line.startswith(READY.encode()):
                return True
        return False

    async def _keep(self, reader: asyncio.StreamReader) -> None:
        """Pass its lines on; when they end, so has the process: start another, later each time it fails."""
        delay = _FIRST_BACK_OFF_S
        while True:
            async for line in reader:
                self._say(line.decode(errors="replace").rstrip())
            code = await self._process.wait() if self._process else None
            self._say(f"The model server ended with {code}; starting it again.")
            await asyncio.sleep(delay)
            reader = await self._spawn()
            delay = _FIRST_BACK_OFF_S if await self._until_ready(reader) else min(_MAX_BACK_OFF_S, delay * 2)
