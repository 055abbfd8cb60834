"""The worker processes of a host: each is started again when it ends, and work goes round the ones that are ready."""

import asyncio
import logging
import signal

from local.host.config import HostConfig
from local.host.frames import Message
from local.host.process import AppError, WorkerGoneError, WorkerKilledError, WorkerProcess, start_worker

_FIRST_BACK_OFF_S = 0.1
_MAX_BACK_OFF_S = 10.0
_READY_TIMEOUT_S = 30.0
_log = logging.getLogger("local.host")


class WorkerPool:
    def __init__(self, config: HostConfig) -> None:
        self._config = config
        self._workers: list[WorkerProcess] = []
        self._ready = asyncio.Event()
        self._turn = 0
        self._closed = False
        self._keepers: list[asyncio.Task[None]] = []
        self.functions: list[Message] = []

    async def start(self) -> None:
        """Start every worker. Raises AppError when the app cannot be indexed."""
        count = self._config.worker_processes
        started = await asyncio.gather(*(start_worker(self._config) for _ in range(count)), return_exceptions=True)
        self._workers = [worker for worker in started if isinstance(worker, WorkerProcess)]
        for failure in started:
            if isinstance(failure, BaseException):
                await self.stop(0)
                raise failure
        self.functions = self._workers[0].functions
        self._ready.set()
        self._keepers = [asyncio.create_task(self._keep(worker)) for worker in self._workers]

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers]

    @property
    def serves_http(self) -> bool:
        return all(worker.uri for worker in self._workers)

    async def ready(self) -> None:
        """Wait until at least one worker can take work."""
        await self._ready.wait()

    async def pick(self) -> WorkerProcess:
        """The next worker in turn. Raises WorkerGoneError when none becomes ready in time, or the host is stopping."""
        if not (workers := self._living()):
            await self._until_living()
            workers = self._living()
        if self._closed or not workers:
            raise WorkerGoneError("The host is stopping.")
        self._turn += 1
        return workers[self._turn % len(workers)]

    def _living(self) -> list[WorkerProcess]:
        return [worker for worker in self._workers if worker.alive]

    async def _until_living(self) -> None:
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                while not self._living() and not self._closed:
                    self._ready.clear()
                    await self._ready.wait()
        except TimeoutError:
            raise WorkerGoneError("No worker process is ready.") from None

    async def stop(self, grace_s: float) -> None:
        self._closed = True
        self._ready.set()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(worker.stop(grace_s) for worker in self._workers))
        self._workers.clear()

    async def _keep(self, worker: WorkerProcess) -> None:
        """Replace a worker whenever it ends: later and later when it keeps dying by itself before it was of use."""
        delay = _FIRST_BACK_OFF_S
        while True:
            code = await asyncio.shield(worker.ended)
            self._remove(worker)
            blameless = worker.proven or code == -signal.SIGKILL
            delay = _FIRST_BACK_OFF_S if blameless else min(_MAX_BACK_OFF_S, delay * 2)
            _log.error("Worker process %s ended with code %s; starting another.", worker.pid, code)
            worker = await self._replacement(delay)
            self._workers.append(worker)
            self._ready.set()
            _log.info("Worker process %s is ready.", worker.pid)

    def _remove(self, worker: WorkerProcess) -> None:
        self._workers.remove(worker)
        if not self._workers:
            self._ready.clear()

    async def _replacement(self, delay: float) -> WorkerProcess:
        while True:
            await asyncio.sleep(delay)
            try:
                return await start_worker(self._config)
            except WorkerKilledError as error:
                _log.error("%s", error)
                delay = _FIRST_BACK_OFF_S
            except (AppError, OSError) as error:
                _log.error("%s", error)
                delay = min(_MAX_BACK_OFF_S, delay * 2)
