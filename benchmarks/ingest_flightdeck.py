"""Flightdeck as a side of the ingestion benchmark: every file a blob, every blob an event, all the way to the store.

`python -m benchmarks.ingest_flightdeck FOLDER`. The services are the product's own wiring over its embedded store and
the extraction child; only the outside is exchanged: blobs and queues are in memory, since the others read local files,
and vectors cost nothing. Each run starts as a new worker would, and takes as many messages at once as `host.json` says.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from benchmarks.ingesting import DIMENSIONS, InstantVectors, serve
from benchmarks.report import ROOT
from shared.adapters.entra import Identity
from shared.adapters.memory.blobs import MemoryBlobs
from shared.adapters.memory.queues import MemoryQueues, Message
from shared.adapters.system import SystemClock
from shared.errors import CapacityError
from shared.ports.blobs import DOCUMENTS
from shared.ports.keys import Caller
from shared.ports.models import Embeddings
from shared.ports.queues import QueueName
from shared.ports.records import DocumentRecord
from shared.ports.usage import Source
from shared.retrieval.extraction.extractors import Extractors
from shared.retrieval.listing import Walk, walk
from shared.settings.environment import PREFIX, STORAGE
from shared.settings.settings import Settings
from shared.tenancy.erased import RememberedErasures
from shared.tenancy.policies import RememberedPolicies
from shared.tenancy.secrets import Pepper
from shared.wire.messages import BlobMessage, parse_document_event, parse_document_part
from shared.wiring.indexes import embedding_models, open_indexes
from shared.wiring.retrieval import Indexing, Outside, Storage, open_retrieval
from shared.wiring.stores import Stores, open_stores

_TENANT = "acme"
_MODEL = "instant"
_LOOK_AGAIN_S = 0.01
_QUEUES = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]
_AT_ONCE = _QUEUES["batchSize"] + _QUEUES["newBatchThreshold"]

type Handle = Callable[[Message], Awaitable[None]]


class _Instant:
    """Implements `Embedder`."""

    def __init__(self, vectors: InstantVectors) -> None:
        self._vectors = vectors

    async def embed(self, caller: Caller, texts: Sequence[str], *, source: Source) -> Embeddings:
        del caller, source
        return Embeddings(tuple(tuple(self._vectors.of(text)) for text in texts), sum(map(len, texts)) // 4)


class Side:
    """What outlives a worker: storage, queues and the store."""

    def __init__(self, folder: Path, vectors: InstantVectors) -> None:
        self._clock = SystemClock()
        self._blobs = MemoryBlobs()
        self._queues = MemoryQueues(self._clock)
        self._embedder = _Instant(vectors)
        self._settings = _settings(folder)
        self._stores = open_stores(self._settings.store, Identity())

    async def bring_up_to_date(self, documents: Sequence[Path]) -> int:
        for path in documents:
            await self._upload(path)
        extractor = Extractors()
        try:
            await self._work(self._handlers(extractor))
        finally:
            await extractor.close()
        return sum(document.chunks for document in await _documents(self._stores))

    async def _upload(self, path: Path) -> None:
        name = f"{_TENANT}/manuals/{path.name}"
        with path.open("rb") as content:
            await self._blobs.upload(DOCUMENTS, name, content)
        await self._queues.put("documents", BlobMessage(blob_name=name).model_dump_json().encode())

    def _handlers(self, extractor: Extractors) -> dict[QueueName, Handle]:
        models, embedder = embedding_models(self._settings), self._embedder
        indexes = open_indexes(self._settings, models, self._stores, lambda _: embedder, self._clock)
        indexing = Indexing(indexes, extractor, self._settings.lease_s)
        storage = Storage(self._queues, self._blobs)
        erasures = RememberedErasures(self._stores.erasures, Pepper(b""), self._clock, ttl_s=self._settings.key_cache_s)
        outside = Outside(RememberedPolicies(self._stores.policies, self._clock), erasures, None, self._clock)
        services = open_retrieval(self._stores, storage, indexing, outside)

        async def index_document(message: Message) -> None:
            await services.indexer.handle(parse_document_event(message.body), message.receipt.message_id)

        async def index_document_part(message: Message) -> None:
            await services.parts.handle(parse_document_part(message.body), message.receipt.message_id)

        return {"documents": index_document, "document-parts": index_document_part}

    async def _work(self, handlers: dict[QueueName, Handle]) -> None:
        """Every queue has its turn until all are empty."""
        while any(self._queues.waiting(queue) for queue in handlers):
            await asyncio.gather(*(self._drain(queue, handle) for queue, handle in handlers.items()))

    async def _drain(self, queue: QueueName, handle: Handle) -> None:
        """As the host and the consumer do, until nothing is left."""
        running: set[asyncio.Task[None]] = set()
        while running or self._queues.waiting(queue):
            taken = await self._queues.take(queue, limit=_AT_ONCE - len(running), hide_s=3600)
            running |= {asyncio.create_task(self._deliver(queue, message, handle)) for message in taken}
            if not running:
                await asyncio.sleep(_LOOK_AGAIN_S)
                continue
            _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)

    async def _deliver(self, queue: QueueName, message: Message, handle: Handle) -> None:
        try:
            await handle(message)
        except CapacityError as error:
            await self._queues.put(queue, message.body, delay_s=error.retry_after_s or 1)
        await self._queues.delete(queue, message.receipt)


def _settings(folder: Path) -> Settings:
    """With a model and a storage that are named and never asked."""
    deployment = {"id": _MODEL, "endpoint": "http://127.0.0.1:9/v1", "model": _MODEL}
    models = {_MODEL: {"kind": "embedding", "dimensions": DIMENSIONS, "deployments": [deployment]}}
    store = f"sqlite:///{folder / 'flightdeck.db'}"
    return Settings.load({PREFIX + "STORE": store, PREFIX + "MODELS": json.dumps(models), STORAGE: "in memory"})


async def _documents(stores: Stores) -> list[DocumentRecord]:
    return [stored.value async for stored in walk(stores.documents, _TENANT, Walk({}))]


def main() -> None:
    vectors = InstantVectors()
    side = Side(Path(sys.argv[1]), vectors)
    with asyncio.Runner() as runner:
        serve(lambda folder: runner.run(side.bring_up_to_date(sorted(folder.iterdir()))), vectors)


if __name__ == "__main__":
    main()
