"""The timer trigger: NCRONTAB schedules, a status that outlives the host, past-due runs, and never two runs at once."""

import asyncio
import contextlib
import json
import logging
from datetime import UTC, datetime

from azure.core.exceptions import AzureError, ResourceNotFoundError
from croniter import croniter

from local.host.frames import Message
from local.host.functions import Function
from local.host.invocation import Call, Invoker
from local.host.pool import WorkerPool
from local.host.process import AppError
from local.host.singleton import HOSTS_CONTAINER, Singleton
from local.host.storage import Storage

_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_MINUTE_S = 60
_log = logging.getLogger("local.host.timers")


class Schedule:
    """Five fields, or six with the seconds first. Raises AppError for anything else."""

    def __init__(self, function: Function) -> None:
        self.expression = str(function.trigger.fields["schedule"])
        fields = len(self.expression.split())
        self._seconds_first = fields == 6
        if fields not in (5, 6) or not croniter.is_valid(self.expression, second_at_beginning=self._seconds_first):
            raise AppError(f"Timer function {function.name!r} has schedule {self.expression!r}, which is not NCRONTAB.")

    def after(self, moment: datetime) -> datetime:
        return croniter(self.expression, moment, second_at_beginning=self._seconds_first).get_next(datetime)

    @property
    def frequent(self) -> bool:
        """More than once a minute; such a schedule is not monitored unless the function asks for it."""
        first = self.after(datetime.now(UTC))
        return (self.after(first) - first).total_seconds() < _MINUTE_S


class TimerListener:
    """One timer function; of all hosts with one host id, the one that holds its lock runs it."""

    def __init__(self, function: Function, host_id: str, storage: Storage, pool: WorkerPool, invoker: Invoker) -> None:
        self._function = function
        self._schedule = Schedule(function)
        self._storage = storage
        self._pool = pool
        self._invoker = invoker
        self._lock = Singleton(storage, f"{host_id}/{function.full_name}.Listener")
        self._status = storage.blob(HOSTS_CONTAINER, f"timers/{host_id}/{function.full_name}/status")
        monitor = function.trigger.fields.get("useMonitor")
        self._monitor = bool(monitor) if monitor is not None else not self._schedule.frequent
        self._stopping = asyncio.Event()
        self._interrupt = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._loop = asyncio.create_task(self._listen())

    def stop(self) -> None:
        self._stopping.set()
        self._interrupt.set()

    async def drained(self) -> None:
        if self._loop is not None:
            await self._loop

    async def _listen(self) -> None:
        at_start = bool(self._function.trigger.fields.get("runOnStartup"))
        while await self._lock.acquire(self._stopping, self._interrupt):
            try:
                await self._run(at_start=at_start)
            except AzureError as error:
                _log.warning("Timer %s starts over: %s", self._function.name, error.message)
            finally:
                await self._lock.release()
            at_start = False

    async def _run(self, *, at_start: bool) -> None:
        """Run on schedule until the host stops or the lock is lost."""
        status = await self._read_status()
        past_due = self._monitor and status is not None and datetime.now(UTC) > datetime.fromisoformat(status["Next"])
        if self._monitor and status is None:
            status = await self._write_status(_NEVER)
        if past_due or at_start:
            status = await self._fire(status, past_due=past_due)
        due = datetime.now(UTC)
        while not self._stopping.is_set():
            due = self._schedule.after(max(due, datetime.now(UTC)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._interrupt.wait(), (due - datetime.now(UTC)).total_seconds())
                return
            status = await self._fire(status, past_due=False)

    async def _fire(self, status: Message | None, *, past_due: bool) -> Message | None:
        await self._pool.ready()
        if self._stopping.is_set():
            return status
        began = datetime.now(UTC)
        info = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status or {}, "IsPastDue": past_due}
        await self._invoker.run(Call(self._function, ("json", json.dumps(info))))
        return await self._write_status(began) if self._monitor else None

    async def _read_status(self) -> Message | None:
        if not self._monitor:
            return None
        try:
            return json.loads(await (await self._status.download_blob()).readall())
        except ResourceNotFoundError:
            return None

    async def _write_status(self, last: datetime) -> Message:
        now = datetime.now(UTC)
        status = {
            "Last": last.isoformat(),
            "Next": self._schedule.after(now).isoformat(),
            "LastUpdated": now.isoformat(),
        }
        await self._status.upload_blob(json.dumps(status).encode(), overwrite=True)
        return status
