"""A process that indexes what it is told to, over a real store and real blobs, until it is killed at a failpoint.

One line of JSON on standard input is one delivery; lines on standard output say what it put on queues and how it ended.
What the harness starts only imports, forks a worker, and another whenever one was killed: so a life costs milliseconds.
"""

import asyncio
import importlib
import inspect
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from shared.adapters.cosmos.account import EMULATOR_KEY, CosmosAccount
from shared.adapters.cosmos.cache import CosmosEmbeddingCache
from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.cosmos.records import CosmosRecords
from shared.adapters.cosmos.sizes import CosmosSizedRecords
from shared.adapters.sqlite.cache import SqliteEmbeddingCache
from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.records import SqliteRecords
from shared.adapters.sqlite.sizes import SqliteSizedRecords
from shared.adapters.storage.auth import StorageAccount
from shared.adapters.storage.blobs import StorageBlobs
from shared.adapters.system import SystemClock
from shared.errors import CapacityError
from shared.ports.records import (
    CursorRecord,
    DocumentRecord,
    FileRecord,
    FolderRecord,
    TenantRecord,
    VectorStoreRecord,
)
from shared.wire.messages import parse_document_event, parse_document_part
from tests.unit.retrieval.world import DIMENSIONS, Fuse, ParagraphReader, Services, World

MODEL = "words"
PART_PARAGRAPHS = 3
LEASE_S = 60
LEAVE = "leave"
"""In place of a queue: the history is over."""

_LAST = 3


class SteeredClock(SystemClock):
    """The machine's clock, ahead by what the harness says: hours pass for every process without waiting."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


@dataclass(slots=True)
class Failpoint:
    """Where the process dies: at the `count`-th call of a port's method, before or after its effect."""

    at: str = ""
    after: bool = False
    count: int = 1

    def reach(self, name: str, *, after: bool) -> None:
        if name != self.at or after != self.after:
            return
        self.count -= 1
        if self.count == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class Exposed:
    """An adapter with a failpoint before and after each of its calls."""

    def __init__(self, name: str, adapter: object, process: "Worker") -> None:
        self._name = name
        self._adapter = adapter
        self._process = process

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Awaitable[Any]] = getattr(self._adapter, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def exposed(*args: Any, **kwargs: Any) -> Any:
            self._process.failpoint.reach(f"{self._name}.{name}", after=False)
            result = await method(*args, **kwargs)
            self._process.failpoint.reach(f"{self._name}.{name}", after=True)
            return result

        return exposed


class PipeQueues:
    """Queues whose messages the harness keeps: what was put stays put, whatever becomes of this process."""

    async def put(self, queue: str, body: bytes, *, delay_s: float = 0) -> None:
        del delay_s  # the harness delivers when it likes
        say(put=queue, body=body.decode())


def say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class Adapters:
    """One store, as a process has it open."""

    records: Callable[[type[Any]], Any]
    sized: Callable[[type[Any]], Any]
    chunks: Any
    cache: Any
    close: Callable[[], Awaitable[None]]
    database: SqliteDatabase | None = None


def open_store(location: str, clock: SystemClock) -> Adapters:
    """`sqlite:` and a path, or `cosmos:` and the URL of the fake gateway."""
    kind, _, where = location.partition(":")
    if kind == "sqlite":
        database = SqliteDatabase(Path(where), patience_s=30)
        chunks = SqliteChunks(database, dimensions=DIMENSIONS, embedding_model=MODEL)
        cache = SqliteEmbeddingCache(database, clock)
        sized = partial(SqliteSizedRecords, database)
        return Adapters(partial(SqliteRecords, database), sized, chunks, cache, database.close, database)
    account = CosmosAccount(where, EMULATOR_KEY, retry_s=0.001)
    chunks = CosmosChunks(account, dimensions=DIMENSIONS, embedding_model=MODEL)
    sized, cache = partial(CosmosSizedRecords, account), CosmosEmbeddingCache(account)
    return Adapters(partial(CosmosRecords, account), sized, chunks, cache, account.close)


class Worker:
    """Works for one history, over the store that its first order names."""

    def __init__(self, storage: str) -> None:
        self.failpoint = Failpoint()
        self._storage = storage
        self._clock = SteeredClock()
        self._services: Services | None = None

    def _assembled(self, adapters: Adapters) -> Services:
        def exposed(name: str, adapter: object) -> Exposed:
            return Exposed(name, adapter, self)

        world = World(
            clock=self._clock,  # pyright: ignore[reportArgumentType] -- steered, not manual
            blobs=exposed("blobs", StorageBlobs(StorageAccount.parse(self._storage))),
            chunks=exposed("chunks", adapters.chunks),
            stores=exposed("stores", adapters.records(VectorStoreRecord)),
            folders=exposed("folders", adapters.records(FolderRecord)),
            files=exposed("files", adapters.sized(FileRecord)),
            documents=exposed("documents", adapters.records(DocumentRecord)),
            tenants=exposed("tenants", adapters.records(TenantRecord)),
            cursors=exposed("cursors", adapters.records(CursorRecord)),
            reader=ParagraphReader(PART_PARAGRAPHS),
            lease_s=LEASE_S,
        )
        world.queues = exposed("queues", PipeQueues())  # pyright: ignore[reportAttributeAccessIssue] -- as any adapter
        world.cache = exposed("cache", adapters.cache)
        return world.process(Fuse())

    async def run(self) -> bool:
        """Whether there is another history to come: False when the harness has closed its end."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            order: dict[str, Any] = json.loads(line)
            if order["queue"] == LEAVE:
                return True
            self._clock.ahead_s = order["ahead_s"]
            self.failpoint = Failpoint(**order["failpoint"])
            try:
                await self._obey(order)
            except CapacityError as error:
                say(end="deferred", reason=str(error))
            except Exception as error:  # noqa: BLE001 -- the harness judges
                say(end="failed", reason=f"{type(error).__name__}: {error}")
            else:
                say(end="done")
        return False

    async def _obey(self, order: dict[str, Any]) -> None:
        services = self._services or self._assembled(open_store(order["store"], self._clock))
        self._services, body = services, order["body"].encode()
        match order["queue"]:
            case "documents":
                await services.indexer.handle(parse_document_event(body), order["delivery"])
            case "document-parts":
                await services.parts.handle(parse_document_part(body), order["delivery"])
            case _:
                await services.rounds.run()


def lives(storage: str) -> None:
    """One worker after the other; the last one ends when the harness closes its end."""
    for package in ("apsw", "azure.cosmos.aio", "azure.storage.blob.aio"):
        importlib.import_module(package)  # or every worker would
    while True:
        child = os.fork()
        if child == 0:
            os._exit(0 if asyncio.run(Worker(storage).run()) else _LAST)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status not in (0, -signal.SIGKILL):
            sys.exit(0 if status == _LAST else f"a worker ended with {status}")
        say(end="killed" if status else "done")


if __name__ == "__main__":
    lives(sys.argv[1])
