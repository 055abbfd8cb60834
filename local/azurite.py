"""Azurite, Microsoft's storage emulator, as a child process: blobs and queues on two ports, data in a folder."""

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from local.host.config import development_account

_PROGRAM = Path(__file__).parents[1] / "node_modules" / ".bin" / "azurite"
_LISTENING = re.compile(r"Azurite (Blob|Queue) service is successfully listening at http://127\.0\.0\.1:(\d+)")
_PR_SET_PDEATHSIG = 1


class AzuriteError(Exception):
    """Azurite is not installed, or did not come up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AzuriteConfig:
    """A port of 0 is any free one."""

    data_dir: Path
    blob_port: int = 0
    queue_port: int = 0
    program: Path = _PROGRAM
    start_timeout_s: float = 60.0


class Azurite:
    """`connection_string` is known once started. Azurite ends with the process that started it."""

    def __init__(self, config: AzuriteConfig) -> None:
        self._config = config
        self._process: asyncio.subprocess.Process | None = None
        self.connection_string = ""
        self.blob_port = config.blob_port
        self.queue_port = config.queue_port

    @property
    def log_file(self) -> Path:
        return self._config.data_dir / "azurite.log"

    async def start(self) -> None:
        """Return when both services answer. Raises AzuriteError with the end of its log when they do not."""
        if not self._config.program.exists():
            raise AzuriteError(f"Azurite is not installed: {self._config.program} does not exist.")
        self._config.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(str(self._config.program), *self._arguments()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        try:
            await asyncio.wait_for(self._until_listening(self._process), self._config.start_timeout_s)
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise AzuriteError(f"Azurite did not come up in {self._config.start_timeout_s:g} s.") from error
            raise

    async def stop(self) -> None:
        """Ask it to write its data and leave, then make it."""
        if self._process is None:
            return
        process, self._process = self._process, None
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 10)

    def _arguments(self) -> list[str]:
        config = self._config
        ports = ["--blobPort", str(config.blob_port), "--queuePort", str(config.queue_port), "--tablePort", "0"]
        flags = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        return ["--location", str(config.data_dir), *ports, *flags]

    async def _until_listening(self, process: asyncio.subprocess.Process) -> None:
        while True:
            log = self.log_file.read_text(errors="replace")
            ports = {service: int(port) for service, port in _LISTENING.findall(log)}
            if len(ports) == 2:
                self.blob_port, self.queue_port = ports["Blob"], ports["Queue"]
                self.connection_string = development_account(self.blob_port, self.queue_port)
                return
            if process.returncode is not None:
                raise AzuriteError(f"Azurite ended at start-up: {_last_words(log)}")
            await asyncio.sleep(0.05)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _last_words(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    return next((line for line in lines if "EADDRINUSE" in line), lines[-1] if lines else "it said nothing.")
