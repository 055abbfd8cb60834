"""Local mode put together: Azurite, models, Functions host, event player; up in one order, down in the opposite one."""

import asyncio
import importlib
import os
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local.azurite import Azurite, AzuriteConfig, AzuriteError
from local.host.config import HostConfig
from local.models.child import ModelChild
from local.models.packages import ROOT, SetupError
from local.setup import environment
from local.setup.credentials import Credentials, credentials
from local.setup.ownership import any_port, owned, port_is_free
from local.terminal import Terminal

_AZURITE_PORTS = 10000, 10001
_BLOB_TRIGGER = "FLIGHTDECK_BLOB_TRIGGER"
_LOOK_S = 2.0
_GRACE_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """`services_only` leaves the host to `func start`; the last four make events as bad as Event Grid's may be."""

    folder: Path = ROOT / ".local"
    port: int = 7071
    worker_processes: int = 1
    verbose: bool = False
    reload: bool = False
    services_only: bool = False
    duplicate: bool = False
    shuffle: bool = False
    drop_rate: float = 0.0
    seed: int = 0

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
                raise SetupError(f"Port {config.port} is taken; choose another one with --port.")
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
        """Bring everything up, as much of it at once as can be; return what to tell the person who waits."""
        config, owned = self._config, self._credentials
        port = any_port()
        models = os.environ.get("FLIGHTDECK_MODELS") or environment.local_catalogue(port, owned.model_key)
        settings = environment.app_settings(config.folder, owned, models, os.environ)
        storage, _ = await _both(self._start_platform(settings), self._start_models(port))
        env_file = environment.write_shell_variables(config.folder, config.url, owned, storage)
        if config.services_only:
            path = environment.write_local_settings(ROOT, settings, storage, config.port)
            return f"\nThe services of local mode run, and {path.name} names them. Next: func start\n"
        for name, reason in (await self._missing()).items():
            self._terminal.say("local", f"Not ready: {name}: {reason}")
        return environment.greeting(config.url, owned.api_key, models, env_file)

    async def _start_platform(self, settings: Mapping[str, str]) -> str:
        """Azurite, then the host and the event player, which need it; return the storage connection string."""
        storage, _ = await _both(self._start_azurite(), asyncio.to_thread(_import_host))
        if not self._config.services_only:
            await self._start_host(storage, settings)
        await self._start_player(storage, blob_trigger=settings.get(_BLOB_TRIGGER, "").lower() not in ("false", "0"))
        return storage

    async def _start_azurite(self) -> str:
        azurite = await self._azurite_on_free_ports()
        self._terminal.say("azurite", f"Blobs on port {azurite.blob_port}, queues on port {azurite.queue_port}.")
        keeper = asyncio.create_task(self._keep(azurite))
        self._parts.push_async_callback(_cancelled, keeper)
        return azurite.connection_string

    async def _azurite_on_free_ports(self) -> Azurite:
        """On its usual ports when they are free, so that stored connection strings stay good; else on any."""
        folder = self._config.folder / "azurite"
        if all(port_is_free(port) for port in _AZURITE_PORTS):
            usual = Azurite(AzuriteConfig(data_dir=folder, blob_port=_AZURITE_PORTS[0], queue_port=_AZURITE_PORTS[1]))
            try:
                await self._run(usual)
            except AzuriteError as error:
                if "EADDRINUSE" not in str(error):  # somebody else may start just now
                    raise
            else:
                return usual
        other = Azurite(AzuriteConfig(data_dir=folder, blob_port=any_port(), queue_port=any_port()))
        await self._run(other)
        return other

    async def _start_models(self, port: int) -> None:
        """Nothing to start when the caller's own catalogue says where the models are."""
        if os.environ.get("FLIGHTDECK_MODELS"):
            return
        key = self._credentials.model_key
        await self._run(ModelChild(port, key, say=lambda line: self._terminal.say("models", line)))

    async def _start_host(self, storage: str, settings: Mapping[str, str]) -> None:
        from local.host.front import PortTakenError
        from local.host.host import Host
        from local.host.process import AppError
        from local.host.reload import ReloadingHost

        config = HostConfig(
            app_dir=ROOT,
            port=self._config.port,
            storage=storage,
            env=settings,
            worker_processes=self._config.worker_processes,
            verbose=self._config.verbose,
            grace_s=_GRACE_S,
        )
        try:
            await self._run(ReloadingHost(config) if self._config.reload else Host(config))
        except (AppError, PortTakenError) as error:
            raise SetupError(str(error)) from error

    async def _missing(self) -> Mapping[str, str]:
        from local.setup import readiness

        return await readiness.missing(self._config.url)

    async def _start_player(self, storage: str, *, blob_trigger: bool) -> None:
        from local.eventgrid import Player, PlayerConfig

        webhook = f"{self._config.url}/runtime/webhooks/blobs?functionName=Host.Functions.on_blob_uploaded"
        config = PlayerConfig(
            storage=storage,
            state_file=self._config.folder / "eventgrid.json",
            webhooks=(webhook,) if blob_trigger else (),
            duplicate=self._config.duplicate,
            shuffle=self._config.shuffle,
            drop_rate=self._config.drop_rate,
            seed=self._config.seed,
        )
        player = await self._parts.enter_async_context(Player(config))
        self._parts.push_async_callback(_cancelled, asyncio.create_task(player.run()))

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
            try:
                await azurite.start()
            except AzuriteError as error:
                self._terminal.say("azurite", str(error))


def _import_host() -> None:
    """A second of imports, spent while Azurite starts."""
    for name in ("local.host.host", "local.eventgrid"):
        importlib.import_module(name)


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
