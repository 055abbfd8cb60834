"""What is around the worker: the queue with its faults, the storage, and a reader who looks after every step."""

import asyncio
import contextlib
import io
import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.adapters.sqlite.transactions import rows
from shared.adapters.storage.auth import StorageAccount
from shared.adapters.storage.blobs import StorageBlobs
from shared.ports.blobs import DOCUMENTS
from shared.ports.chunks import Chunk
from shared.ports.records import DocumentRecord
from shared.wire.messages import BlobMessage
from tests.convergence.worker import LEASE_S, LEAVE, PART_PARAGRAPHS, Adapters, SteeredClock, open_store
from tests.cosmos.fake import FakeCosmos
from tests.cosmos.worlds import definitions
from tests.unit.retrieval.world import DIMENSIONS, ParagraphReader, World

TENANT = "acme"
TERMINAL = {"ready", "failed", "needs_ocr", "empty", "deleted"}
_LONG_S = 1200.0
"""Longer than any lease, and than what a lost message is waited for."""

_ROUNDS = 400

type Passages = tuple[tuple[object, ...], ...]


class Loop:
    """An event loop in a thread of its own: the fake gateway answers while the test waits for the worker."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=120)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(frozen=True, slots=True)
class Delivery:
    queue: str
    body: str
    id: str


class WorkerProcess:
    """There is another one after each that was killed, and after each history."""

    def __init__(self, storage: str) -> None:
        command = [sys.executable, "-m", "tests.convergence.worker", storage]
        self._process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.kills = 0

    def obey(self, order: Mapping[str, object]) -> tuple[str, list[tuple[str, str]]]:
        """How it ended (`done`, `deferred`, `failed…` or `killed`), and what it put on queues meanwhile."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        puts: list[tuple[str, str]] = []
        for line in self._process.stdout:
            said = json.loads(line)
            if "put" in said:
                puts.append((said["put"], said["body"]))
                continue
            self.kills += said["end"] == "killed"
            return said["end"] + (f": {said['reason']}" if said["end"] == "failed" else ""), puts
        raise AssertionError(f"the worker has ended with {self._process.wait()}")

    def leave(self) -> None:
        """The history is over; its worker goes with it."""
        self.obey({"queue": LEAVE})

    def stop(self) -> None:
        """Closing its input ends the worker, and the one that forked it."""
        self._process.communicate()


@dataclass
class Harness:
    """One history: its storage, its store, its queue, and what was ever uploaded under each name."""

    loop: Loop
    worker: WorkerProcess
    store: str
    storage: str
    fake: FakeCosmos | None
    clock: SteeredClock = field(default_factory=SteeredClock)
    pending: list[Delivery] = field(default_factory=list[Delivery])
    versions: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    present: dict[str, str] = field(default_factory=dict[str, str])
    newest: dict[str, int] = field(default_factory=dict[str, int])
    first_since_removal: dict[str, int] = field(default_factory=dict[str, int])
    never_again: set[str] = field(default_factory=set[str])
    failures: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self.adapters: Adapters = open_store(self.store, self.clock)
        self.blobs = StorageBlobs(StorageAccount.parse(self.storage))
        self._documents = self.adapters.records(DocumentRecord)
        self._expected: dict[str, Passages] = {}

    # What happens.

    @property
    def editions(self) -> int:
        return sum(map(len, self.versions.values()))

    def upload(self, path: str, content: str) -> None:
        name = f"{TENANT}/handbook/{path}"
        self.loop.run(self.blobs.upload(DOCUMENTS, name, io.BytesIO(content.encode())))
        self.versions.setdefault(name, []).append(content)
        self.present[name] = content
        self._announce(name)

    def remove(self, path: str) -> None:
        name = f"{TENANT}/handbook/{path}"
        self.loop.run(self.blobs.delete(DOCUMENTS, name))
        self.present.pop(name, None)
        self.never_again.discard(name)
        self.first_since_removal[name] = len(self.versions.get(name, ()))
        self._announce(name)

    def duplicate(self, which: int) -> None:
        if not self.pending:
            return
        one = self.pending[which % len(self.pending)]
        self.pending.append(Delivery(one.queue, one.body, self._new_id()))

    def lose(self, which: int) -> None:
        """Lose an event; a message of our own is safe with its queue."""
        events = [one for one in self.pending if json.loads(one.body)["kind"] == "blob"]
        if events:
            self.pending.remove(events[which % len(events)])

    def deliver(self, which: int, failpoint: Mapping[str, object] | None = None) -> str:
        """Any of the messages that wait, in no order. One whose worker dies or fails comes back under the same id."""
        if not self.pending:
            return "idle"
        one = self.pending.pop(which % len(self.pending))
        end = self._order(one, failpoint or {})
        if end != "done":
            self.pending.append(one)
        return end

    def go_round(self) -> None:
        """The timer that finds what events missed."""
        self._order(Delivery("timer", "", self._new_id()), {})

    def pass_time(self, seconds: float = _LONG_S) -> None:
        self.clock.ahead_s += seconds

    def settle(self) -> None:
        """Deliver all that waits, then let the timer look, until nothing is left to do."""
        for _ in range(3):
            for number in range(_ROUNDS):
                if not self.pending:
                    break
                if self.deliver(0) != "done" and number % 5 == 4:
                    self.pass_time(LEASE_S + 10)
            assert not self.pending, f"the queue never empties: {self.pending}, {self.failures[-5:]}"
            self.pass_time()
            self.go_round()
            self.go_round()
        assert not self.pending, f"the timer always finds something: {self.pending}"

    def _order(self, one: Delivery, failpoint: Mapping[str, object]) -> str:
        order = {
            "store": self.store,
            "queue": one.queue,
            "body": one.body,
            "delivery": one.id,
            "ahead_s": self.clock.ahead_s,
        }
        end, puts = self.worker.obey({**order, "failpoint": dict(failpoint)})
        self.pending += [Delivery(queue, body, self._new_id()) for queue, body in puts]
        if end.startswith("failed"):
            self.failures.append(end)
        return end

    def _announce(self, name: str) -> None:
        self.pending.append(Delivery("documents", BlobMessage(blob_name=name).model_dump_json(), self._new_id()))

    def _new_id(self) -> str:
        return f"message-{next(self._numbers)}"

    # What is seen.

    def check_reader(self) -> None:
        """Each document is whole: one version that was uploaded, never an older one than was seen before, and never
        nothing again before somebody has removed it."""
        for document in self.documents():
            name, seen = document.blob_name, self.visible(document)
            if not seen:
                assert name not in self.never_again, f"a gap: {document}"
                continue
            wholes = [self.expected(content) for content in self.versions[name]]
            assert seen in wholes, f"a mixture: {document} shows {seen}"
            number = wholes.index(seen)
            assert number >= self.newest.get(name, 0), f"an older version again: {document}"
            self.newest[name] = number
            if number >= self.first_since_removal.get(name, 0):
                self.never_again.add(name)

    def check_end(self) -> None:
        """The index is what a clean build of the blobs that are there would be, and nothing besides."""
        documents = {one.blob_name: one for one in self.documents()}
        assert set(self.present) <= set(documents), "a blob that nobody has heard of"
        for name, document in documents.items():
            assert document.state in TERMINAL, document
            wanted = self.expected(self.present[name]) if name in self.present else ()
            assert self.visible(document) == wanted, f"not what is stored: {document}"
        visible = sum(len(self.visible(document)) for document in documents.values())
        assert self.stored_chunks() == visible, "chunks that no search can see were left over"

    def documents(self) -> list[DocumentRecord]:
        page = self.loop.run(self._documents.list(TENANT, limit=100))
        return [stored.value for stored in page.items]

    def visible(self, document: DocumentRecord) -> Passages:
        chunks = self.loop.run(self.adapters.chunks.list(document.tenant, document.store_id, document.id))
        return _told(chunks)

    def stored_chunks(self) -> int:
        if self.fake is not None:
            return sum("embedding" in item for item in self.fake.items("chunks"))
        assert self.adapters.database is not None
        count = self.adapters.database.read(lambda connection: rows(connection, "SELECT count(*) FROM chunks"))
        return self.loop.run(count)[0][0]

    def expected(self, content: str) -> Passages:
        if content not in self._expected:
            self._expected[content] = self.loop.run(_clean_build(content))
        return self._expected[content]

    def close(self) -> None:
        self.worker.leave()
        self.loop.run(self._closed())

    async def _closed(self) -> None:
        page = await self.blobs.list(DOCUMENTS)
        for blob in page.items:
            await self.blobs.delete(DOCUMENTS, blob.name)
        await self.blobs.close()
        await self.adapters.close()


async def _clean_build(content: str) -> Passages:
    """By an undisturbed process, over the memory adapters."""
    world = World(reader=ParagraphReader(PART_PARAGRAPHS))
    await world.drop(f"{TENANT}/handbook/a.txt", content)
    await world.settle()
    return _told(await world.visible(await world.only_document()))


def _told(chunks: Sequence[Chunk]) -> Passages:
    return tuple(
        (one.ordinal, one.text, one.char_start, one.char_end, one.page_start, one.page_end, one.headings)
        for one in chunks
    )


@contextlib.contextmanager
def history(kind: str, folder: Path, storage: str, worker: WorkerProcess) -> Generator[Harness]:
    """A new store of the kind, and everything around it."""
    loop, fake = Loop(), FakeCosmos(definitions(DIMENSIONS)) if kind == "cosmos" else None
    if fake is not None:
        loop.run(fake.start())
    store = f"cosmos:{fake.url}" if fake is not None else f"sqlite:{folder / 'store.db'}"
    harness = Harness(loop, worker, store, storage, fake)
    try:
        yield harness
    finally:
        harness.close()
        if fake is not None:
            loop.run(fake.__aexit__())
        loop.close()
