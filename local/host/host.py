"""The local host put together: worker pool, HTTP front and listeners, started in order, stopped in reverse."""

import asyncio
import logging
from collections.abc import Coroutine

from azure.core.exceptions import AzureError

from local.host.banner import banner
from local.host.blobs import BlobTrigger, is_polled
from local.host.config import HostConfig, read_host_json
from local.host.front import BLOB_WEBHOOK, Front
from local.host.functions import Function, described, is_enabled
from local.host.invocation import Invoker
from local.host.outputs import Outputs
from local.host.pool import WorkerPool
from local.host.process import AppError
from local.host.proxy import Proxy
from local.host.queues import QueueListener, queue_trigger
from local.host.routes import RouteTable
from local.host.scans import ContainerScan
from local.host.storage import Storage
from local.host.timers import TimerListener

_TRIGGERS = ("httptrigger", "queuetrigger", "blobtrigger", "timertrigger")
_OUTPUTS = ("http", "queue", "blob")
_SETTLE_S = 5.0
_log = logging.getLogger("local.host")


class Host:
    """Runs a function app. `start` returns when it serves; `stop` drains what is in flight within the grace time."""

    def __init__(self, config: HostConfig) -> None:
        self.config = config
        self.functions: list[Function] = []
        self._settings = read_host_json(config)
        self._pool = WorkerPool(config)
        self._storage = Storage(config.settings)
        outputs = Outputs(self._storage, base64_queues=self._settings.queues.base64)
        self._invoker = Invoker(self._pool, outputs, self._settings.function_timeout_s)
        self._proxy = Proxy(self._pool, self._invoker, config.idle_s)
        self._listeners: list[QueueListener | TimerListener | ContainerScan] = []
        self._front: Front | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.config.port}"

    @property
    def blob_webhooks(self) -> tuple[str, ...]:
        """Where Event Grid delivers, one address for each blob function."""
        hearing = [function for function in self._of_kind("blobtrigger") if not is_polled(function)]
        return tuple(f"{self.url}{BLOB_WEBHOOK}?functionName={function.full_name}" for function in hearing)

    @property
    def worker_pids(self) -> list[int]:
        return self._pool.pids

    async def prepare(self) -> None:
        """Load the app in workers, and serve nothing yet. Raises AppError when it cannot be loaded."""
        await self._or_stop(self._prepare())

    async def start(self) -> None:
        """Serve. Raises AppError when the app or its storage cannot be had, PortTakenError when the port is taken."""
        await self._or_stop(self._start())

    async def _or_stop(self, step: Coroutine[None, None, None]) -> None:
        try:
            await step
        except BaseException as error:
            await self.stop()
            if isinstance(error, AzureError):
                raise AppError(f"Azure Storage cannot be used: {error.message}") from error
            raise

    async def _prepare(self) -> None:
        await self._pool.start()
        settings = self.config.settings
        functions = [described(message, settings) for message in self._pool.functions]
        self.functions = [function for function in functions if is_enabled(function, settings)]
        self._check()
        blobs = self._blob_trigger()
        self._routes = RouteTable(self.functions, self._settings.route_prefix)
        self._listeners = [*self._queue_listeners(blobs), *self._scans(blobs), *self._timers()]
        self._front = Front(self.config, self._routes, self._proxy, blobs)

    async def _start(self) -> None:
        if self._front is None:
            await self._prepare()
        assert self._front is not None  # noqa: S101 - preparing made it
        await self._front.start()
        for listener in self._listeners:
            await listener.start()
        _log.info("%s", banner(self.url, self.functions, self._routes))

    async def stop(self) -> None:
        """Take nothing new, let what runs end in the grace time, then end the workers, which gives back the rest."""
        self._invoker.stop()
        for listener in self._listeners:
            listener.stop()
        ends = [listener.drained() for listener in self._listeners] + [self._proxy.drained()]
        if self._front is not None:
            ends.append(self._front.stop(self.config.grace_s))
        tasks = [asyncio.create_task(end) for end in ends]
        await asyncio.wait(tasks, timeout=self.config.grace_s)
        await self._pool.stop(min(_SETTLE_S, self.config.grace_s))
        _, late = await asyncio.wait(tasks, timeout=_SETTLE_S)
        for task in late:
            task.cancel()
        await self._storage.close()

    def _check(self) -> None:
        """Refuse, with a name, what would otherwise fail at the first event."""
        for function in self.functions:
            known = function.trigger.kind in _TRIGGERS
            unknown = [binding for binding in function.outputs.values() if binding.kind not in _OUTPUTS]
            for binding in [*([] if known else [function.trigger]), *function.inputs, *unknown]:
                kind = binding.fields["type"]
                raise AppError(f"Function {function.name!r} has a binding of type {kind!r}; the local host has none.")
        if self._of_kind("httptrigger") and not self._pool.serves_http:
            raise AppError("HTTP functions must use the types of azurefunctions.extensions.http.fastapi.")

    def _blob_trigger(self) -> BlobTrigger | None:
        functions = self._of_kind("blobtrigger")
        return BlobTrigger(functions, self.config.identity, self._storage, self._invoker) if functions else None

    def _queue_listeners(self, blobs: BlobTrigger | None) -> list[QueueListener]:
        queues, options = self._of_kind("queuetrigger"), self._settings.queues
        sources = [queue_trigger(function, options, self._invoker) for function in queues]
        sources += [blobs.source(self._settings)] if blobs else []
        return [QueueListener(source, self.config, self._storage, self._pool) for source in sources]

    def _scans(self, blobs: BlobTrigger | None) -> list[ContainerScan]:
        polled = [function for function in self._of_kind("blobtrigger") if is_polled(function)] if blobs else []
        identity, pause_s = self.config.identity, self._settings.queues.max_poll_s
        return [ContainerScan(function, identity, self._storage, blobs, pause_s) for function in polled if blobs]

    def _timers(self) -> list[TimerListener]:
        timers, identity = self._of_kind("timertrigger"), self.config.identity
        return [TimerListener(timer, identity, self._storage, self._pool, self._invoker) for timer in timers]

    def _of_kind(self, trigger: str) -> list[Function]:
        return [function for function in self.functions if function.trigger.kind == trigger]
