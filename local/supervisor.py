"""Local mode put together: Azurite, the model server, the Functions host, in one order up and the opposite one down."""

import asyncio
import os
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local.azurite import Azurite, AzuriteConfig
from local.host.config import HostConfig
from local.host.front import PortTakenError
from local.host.host import Host
from local.models.child import ModelChild
from local.models.packages import ROOT
from local.setup import environment
from local.setup.credentials import Credentials, credentials
from local.setup.ownership import owned, port_is_free, port_near
from local.terminal import Terminal

_BLOB_PORT, _QUEUE_PORT, _MODEL_PORT = 10000, 10001, 7072
_LOOK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """`services_only` leaves the host to `func start`."""

    folder: Path = ROOT / ".local"
    port: int = 7071
    worker_processes: int = 1
    verbose: bool = False
    services_only: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Part(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Supervisor:
    def __init__(self, config: LocalConfig, terminal: Terminal) -> None:
        self._config = config
        self._terminal = terminal
        self._parts = AsyncExitStack()
        self._credentials: Credentials = credentials(config.folder)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`. Everything that was started is stopped, however this ends."""
        config = self._config
        with owned(config.folder, config.url):
            if not config.services_only and not port_is_free(config.port):
                raise PortTakenError(f"Port {config.port} is taken; choose another one with --port.")
            async with self._parts:
                started = asyncio.create_task(self._start())
                stopped = asyncio.create_task(stop.wait())
                await asyncio.wait([started, stopped], return_when=asyncio.FIRST_COMPLETED)
                if not started.done():
                    started.cancel()
                    await asyncio.gather(started, return_exceptions=True)
                    return
                print(await started, flush=True)
                await stopped
                self._terminal.say("local", "Stopping.")

    async def _start(self) -> str:
        """Bring everything up; return what to tell the person who waits."""
        azurite, models = await _both(self._start_azurite(), self._start_models())
        storage = azurite.connection_string
        settings = environment.app_settings(self._config.folder, self._credentials, models, os.environ)
        env_file = environment.write_shell_variables(self._config.folder, self._config.url, self._credentials, storage)
        if self._config.services_only:
            path = environment.write_local_settings(ROOT, settings, storage, self._config.port)
            return f"\nThe services of local mode run, and {path.name} names them. Next: func start\n"
        await self._start_host(storage, settings)
        key = self._credentials.api_key
        return environment.greeting(self._config.url, key, settings["FLIGHTDECK_MODELS"], env_file)

    async def _start_azurite(self) -> Azurite:
        config = AzuriteConfig(
            data_dir=self._config.folder / "azurite",
            blob_port=port_near(_BLOB_PORT),
            queue_port=port_near(_QUEUE_PORT),
        )
        azurite = Azurite(config)
        await self._run(azurite)
        self._terminal.say("azurite", f"Blobs on port {azurite.blob_port}, queues on port {azurite.queue_port}.")
        keeper = asyncio.create_task(self._keep(azurite))
        self._parts.push_async_callback(_cancelled, keeper)
        return azurite

    async def _start_models(self) -> str:
        """Return the catalogue: the caller's own, else that of the local model server, which then runs."""
        if models := os.environ.get("FLIGHTDECK_MODELS"):
            return models
        port, key = port_near(_MODEL_PORT), self._credentials.model_key
        await self._run(ModelChild(port, key, say=lambda line: self._terminal.say("models", line)))
        return environment.local_catalogue(port, key)

    async def _start_host(self, storage: str, settings: Mapping[str, str]) -> None:
        config = self._config
        host = HostConfig(
            app_dir=ROOT,
            port=config.port,
            storage=storage,
            env=settings,
            worker_processes=config.worker_processes,
            verbose=config.verbose,
            grace_s=3.0,
        )
        await self._run(Host(host))

    async def _run(self, part: _Part) -> None:
        self._parts.push_async_callback(part.stop)
        await part.start()

    async def _keep(self, azurite: Azurite) -> None:
        """Start Azurite again when nobody answers on its port: its data is on disk, and clients try again."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if await _answers(azurite.blob_port):
                continue
            self._terminal.say("azurite", "Azurite is gone; starting it again.")
            await azurite.stop()
            await azurite.start()


async def _both[A, B](one: Coroutine[None, None, A], other: Coroutine[None, None, B]) -> tuple[A, B]:
    """Wait for both at once; when either fails, neither runs on."""
    tasks = asyncio.create_task(one), asyncio.create_task(other)
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
