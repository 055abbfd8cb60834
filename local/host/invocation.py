"""Running a function in a worker: its time-out, its outputs, its retries, and one log line for each attempt."""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from azure.core.exceptions import AzureError

from local.host.frames import Data, Message, from_wire, to_wire
from local.host.functions import Function
from local.host.outputs import Outputs
from local.host.patience import Patience
from local.host.pool import WorkerPool
from local.host.process import WorkerGoneError, WorkerProcess

type Outcome = Literal["succeeded", "failed", "gone"]  # gone: the worker ended first, or the host is stopping
_log = logging.getLogger("local.host.invocation")


@dataclass(frozen=True, slots=True)
class Call:
    function: Function
    data: Data
    metadata: Mapping[str, Data] = field(default_factory=dict[str, Data])
    trace: tuple[str, str] = ("", "")

    def message(self, invocation_id: str, retries: int, error: str) -> Message:
        limit = self.function.retry.max_retry_count if self.function.retry else 0
        return {
            "id": invocation_id,
            "function": self.function.name,
            "inputs": {self.function.trigger.name: to_wire(self.data)},
            "metadata": {name: to_wire(item) for name, item in self.metadata.items()},
            "trace": self.trace,
            "retry": [retries, limit, error],
        }


def new_invocation_id() -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))  # a name, not a secret


class Invoker:
    def __init__(self, pool: WorkerPool, outputs: Outputs, timeout_s: float | None) -> None:
        self._pool = pool
        self._outputs = outputs
        self._patience = Patience(timeout_s)
        self._stopping = asyncio.Event()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Start no further retry."""
        self._stopping.set()

    async def run(self, call: Call) -> Outcome:
        """Run a function to its end, retries included."""
        retries, error = 0, ""
        while True:
            try:
                worker = await self._pool.pick()
            except WorkerGoneError:
                return "gone"
            outcome, error = await self.attempt(worker, call, new_invocation_id(), retries, error)
            policy = call.function.retry
            if outcome == "succeeded" or policy is None or not policy.allows(retries):
                return outcome
            retries += 1
            if await self._stopped_within(policy.wait_s(retries)):
                return "gone"

    async def attempt(
        self, worker: WorkerProcess, call: Call, invocation_id: str, retries: int = 0, error: str = ""
    ) -> tuple[Outcome, str]:
        began = time.perf_counter()
        outcome, error = await self._attempt(worker, call, call.message(invocation_id, retries, error))
        ms = (time.perf_counter() - began) * 1000
        level = logging.INFO if outcome == "succeeded" else logging.ERROR
        suffix = f" error={error!r}" if error else ""
        values = (call.function.name, invocation_id, ms, outcome, retries + 1, suffix)
        _log.log(level, "function=%s id=%s ms=%.0f outcome=%s attempt=%d%s", *values)
        return outcome, error

    async def _attempt(self, worker: WorkerProcess, call: Call, message: Message) -> tuple[Outcome, str]:
        try:
            async with self._patience.wait():
                answer = await worker.invoke(message)
        except TimeoutError:
            worker.kill()
            return "gone", f"Timed out after {self._patience.limit_s:g} s; the worker process was killed."
        except WorkerGoneError as gone:
            return "gone", str(gone)
        if not answer["ok"]:
            _log.error("function=%s id=%s\n%s", call.function.name, message["id"], answer["trace"].rstrip())
            return "failed", answer["error"]
        return await self._write_outputs(call, answer)

    async def _write_outputs(self, call: Call, answer: Message) -> tuple[Outcome, str]:
        try:
            for name, item in answer["outputs"].items():
                await self._outputs.write(call.function, name, from_wire(item), call.metadata)
        except (AzureError, ValueError) as error:
            return "failed", f"An output binding could not be written: {error}"
        return "succeeded", ""

    async def _stopped_within(self, delay_s: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), delay_s)
        except TimeoutError:
            return False
        return True
