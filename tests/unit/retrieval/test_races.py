"""What happens between two steps of a run, each moment by itself."""

import asyncio
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pytest

from shared.errors import ConflictError, NotFoundError, OverloadedError, PreconditionFailedError, RateLimitError
from shared.ports.blobs import DOCUMENTS
from shared.ports.keys import Caller
from shared.ports.models import Embeddings
from shared.ports.records import FolderRecord, LastError
from shared.ports.usage import Source
from shared.wire.messages import BlobMessage, ParkedMessage
from shared.wire.vector_stores import AttachBody, VectorStoreBody
from tests.unit.retrieval.world import CALLER, TENANT, Fuse, Killed, Meanwhile, WordsEmbedder, World

NAME = "acme/kb/a.txt"
EVENT = BlobMessage(blob_name=NAME)


def put(world: World, content: bytes, name: str = NAME) -> Any:
    """Change the blob, and lose the event."""
    return world.blobs.upload(DOCUMENTS, name, BytesIO(content))


async def test_a_change_while_a_version_is_indexed_is_seen_without_another_event() -> None:
    world = World()
    world.embedder = Meanwhile(world.embedder, "embed", lambda: put(world, b"new text"))
    await put(world, b"old text")
    await world.process(Fuse()).indexer.handle(EVENT, "m1")
    assert await world.texts((await world.only_store()).id) == ["new text"]


async def test_a_change_between_look_and_download_is_never_indexed_under_the_old_etag() -> None:
    world = World()
    await put(world, b"old text")
    world.blobs = Meanwhile(world.blobs, "download", lambda: put(world, b"new text"))
    await world.process(Fuse()).indexer.handle(EVENT, "m1")
    document = await world.only_document()
    assert document.blob_etag == (await world.blobs.head(DOCUMENTS, NAME)).etag
    assert (await world.texts(document.store_id), document.generation) == (["new text"], 2)


async def test_a_blob_deleted_between_look_and_download_is_removed() -> None:
    world = World()
    await put(world, b"old text")
    world.blobs = Meanwhile(world.blobs, "download", lambda: world.blobs.delete(DOCUMENTS, NAME))
    await world.process(Fuse()).indexer.handle(EVENT, "m1")
    assert (await world.only_document()).state == "deleted"


async def test_a_blob_made_again_while_its_deletion_is_handled_keeps_its_file() -> None:
    world = World()
    await put(world, b"old text")
    await world.services.indexer.handle(EVENT, "m1")
    await world.blobs.delete(DOCUMENTS, NAME)
    world.files = Meanwhile(world.files, "delete", lambda: put(world, b"newer text"))
    await world.process(Fuse()).indexer.handle(EVENT, "m2")
    document = await world.only_document()
    assert (document.state, await world.texts(document.store_id)) == ("ready", ["newer text"])
    assert (await world.files.get(TENANT, document.file_id)).value.size_bytes == 10


async def test_a_file_record_deleted_while_it_is_corrected_is_made_again() -> None:
    world = World()
    await put(world, b"old text")
    await world.services.indexer.handle(EVENT, "m1")
    file_id = (await world.only_document()).file_id
    await put(world, b"newer text")
    world.files = Meanwhile(world.files, "replace", lambda: world.files.delete(TENANT, file_id))
    await world.process(Fuse()).indexer.handle(EVENT, "m2")
    assert (await world.files.get(TENANT, file_id)).value.size_bytes == 10


async def test_content_that_came_back_after_a_crash_anywhere_is_never_taken_for_what_answers() -> None:
    for steps in range(1000):
        world = World()
        await put(world, b"first text")
        await world.services.indexer.handle(EVENT, "m1")
        await put(world, b"second text")
        try:
            await world.process(Fuse(steps)).indexer.handle(EVENT, "m2")
        except Killed:
            await put(world, b"first text")
            await world.services.indexer.handle(EVENT, "m3")
            document = await world.only_document()
            assert (document.state, await world.texts(document.store_id)) == ("ready", ["first text"])
            continue
        return
    raise AssertionError("Indexing never ended.")


async def test_another_message_waits_while_a_live_run_works_on_the_same_version() -> None:
    world = World()
    await put(world, b"some text")
    with pytest.raises(Killed):
        await world.process(Fuse(30)).indexer.handle(EVENT, "m1")
    world.clock.advance(40)
    with pytest.raises(OverloadedError) as refused:
        await world.services.indexer.handle(EVENT, "m2")
    assert refused.value.retry_after_s == 20
    world.clock.advance(21)
    await world.services.indexer.handle(EVENT, "m2")
    assert (await world.only_document()).state == "ready"


async def test_no_wait_is_longer_than_half_a_minute() -> None:
    world = World()
    await put(world, b"some text")
    with pytest.raises(Killed):
        await world.process(Fuse(30)).indexer.handle(EVENT, "m1")
    with pytest.raises(OverloadedError) as refused:
        await world.services.indexer.handle(EVENT, "m2")
    assert refused.value.retry_after_s == 30


async def test_a_run_on_an_older_version_is_overtaken_at_once() -> None:
    world = World()
    await put(world, b"old text")
    with pytest.raises(Killed):
        await world.process(Fuse(30)).indexer.handle(EVENT, "m1")
    await put(world, b"new text")
    await world.services.indexer.handle(EVENT, "m2")
    assert await world.texts((await world.only_store()).id) == ["new text"]


class SlowEmbedder(WordsEmbedder):
    """Takes its time: until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def embed(self, caller: Caller, texts: Sequence[str], *, source: Source) -> Embeddings:
        self.begun.set()
        await self.go.wait()
        return await super().embed(caller, texts, source=source)


class Watched:
    """Records that say when they have been written so many times, and refuse that write if there is an `error`."""

    def __init__(self, records: Any, writes: int, error: Exception | None = None) -> None:
        self._records = records
        self._writes = writes
        self._error = error
        self.reached = asyncio.Event()

    def refuse_next(self, error: Exception) -> None:
        self._writes, self._error = 1, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def replace(self, value: Any, *, if_match: str) -> Any:
        self._writes -= 1
        if self._writes <= 0:
            self.reached.set()
            if self._error is not None:
                error, self._error = self._error, None
                raise error
        return await self._records.replace(value, if_match=if_match)


async def test_a_long_run_renews_its_claim() -> None:
    embedder = SlowEmbedder()
    world = World(embedder=embedder, lease_s=0.03)
    world.documents = watched = Watched(world.documents, writes=5)
    await put(world, b"some text")
    run = asyncio.create_task(world.process(Fuse()).indexer.handle(EVENT, "m1"))
    await embedder.begun.wait()
    world.clock.advance(100)
    await watched.reached.wait()
    document = await world.only_document()
    assert document.claimed_until is not None
    assert document.claimed_until > world.clock.now()
    embedder.go.set()
    await run
    assert (await world.only_document()).state == "ready"


async def test_a_renewal_that_the_store_puts_off_does_not_end_the_run() -> None:
    embedder = SlowEmbedder()
    world = World(embedder=embedder, lease_s=0.03)
    world.documents = watched = Watched(world.documents, writes=1_000)
    await put(world, b"some text")
    run = asyncio.create_task(world.process(Fuse()).indexer.handle(EVENT, "m1"))
    await embedder.begun.wait()  # until it is let go, nothing but renewals is written
    watched.refuse_next(RateLimitError("Busy."))
    await watched.reached.wait()
    embedder.go.set()
    await run
    assert (await world.only_document()).state == "ready"


async def test_a_run_that_lost_its_claim_stops_working() -> None:
    embedder = SlowEmbedder()
    world = World(embedder=embedder, lease_s=0.03)
    await put(world, b"old text")
    run = asyncio.create_task(world.process(Fuse()).indexer.handle(EVENT, "m1"))
    await embedder.begun.wait()
    document = await world.only_document()
    await world.services.attachments.detach(CALLER, document.store_id, document.file_id)
    async with asyncio.timeout(10):
        await run
    assert embedder.texts == []
    assert (await world.only_document()).state == "deleted"


async def test_a_cancelled_run_leaves_its_claim_to_the_redelivery() -> None:
    embedder = SlowEmbedder()
    world = World(embedder=embedder)
    await put(world, b"some text")
    run = asyncio.create_task(world.process(Fuse()).indexer.handle(EVENT, "m1"))
    await embedder.begun.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert (await world.only_document()).claim == "m1"
    embedder.go.set()
    await world.services.indexer.handle(EVENT, "m1")
    assert (await world.only_document()).state == "ready"


class Throttled:
    async def embed(self, *_: object, **__: object) -> None:
        raise RateLimitError("Too many.", retry_after_s=7)


async def test_work_that_is_put_off_lets_go_and_counts_no_attempt() -> None:
    world = World(embedder=Throttled())
    await put(world, b"some text")
    with pytest.raises(RateLimitError):
        await world.services.indexer.handle(EVENT, "m1")
    document = await world.only_document()
    assert (document.attempts, document.claim, document.last_error) == (0, None, LastError("waiting", "Too many."))
    world.embedder = WordsEmbedder()
    await world.process(Fuse()).indexer.handle(EVENT, "a copy has another id")
    assert (await world.only_document()).state == "ready"


async def test_a_failure_that_cannot_be_noted_is_raised_all_the_same() -> None:
    world = World(embedder=Throttled())
    world.documents = Watched(world.documents, writes=3, error=PreconditionFailedError("Overtaken."))
    await put(world, b"some text")
    with pytest.raises(RateLimitError):
        await world.process(Fuse()).indexer.handle(EVENT, "m1")


class Restless(WordsEmbedder):
    """The blob changes whenever it is indexed."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    async def embed(self, caller: Caller, texts: Sequence[str], *, source: Source) -> Embeddings:
        await put(self.world, f"{len(self.texts)}".encode())
        return await super().embed(caller, texts, source=source)


async def test_a_blob_that_changes_faster_than_it_is_indexed_is_put_off() -> None:
    world = World()
    world.embedder = Restless(world)
    await put(world, b"some text")
    with pytest.raises(OverloadedError) as refused:
        await world.process(Fuse()).indexer.handle(EVENT, "m1")
    assert refused.value.retry_after_s == 5


async def test_a_store_deleted_between_look_and_making_is_not_made_again() -> None:
    world = World()
    await world.folders.create(FolderRecord("kb", TENANT, "vs_old"))
    await put(world, b"some text")
    world.stores = Meanwhile(world.stores, "create", lambda: world.folders.delete(TENANT, "kb"))
    await world.process(Fuse()).indexer.handle(EVENT, "m1")
    store = await world.only_store()
    assert store.id != "vs_old"
    assert await world.texts(store.id) == ["some text"]


async def test_a_folder_that_changed_hands_while_its_store_was_made_feeds_the_new_one() -> None:
    world = World()
    await world.folders.create(FolderRecord("kb", TENANT, "vs_old"))
    await put(world, b"some text")

    async def change_hands() -> None:
        await world.folders.delete(TENANT, "kb")
        await world.services.vector_stores.create(CALLER, VectorStoreBody(name="kb"))

    world.stores = Meanwhile(world.stores, "create", change_hands)
    await world.process(Fuse()).indexer.handle(EVENT, "m1")
    store = await world.only_store()
    assert await world.texts(store.id) == ["some text"]


async def test_two_first_drops_at_once_make_one_store() -> None:
    world = World()
    await put(world, b"one text")
    await put(world, b"other text", "acme/kb/b.txt")
    other = world.process(Fuse())
    world.folders = Meanwhile(
        world.folders, "create", lambda: other.indexer.handle(BlobMessage(blob_name="acme/kb/b.txt"), "m2")
    )
    await world.process(Fuse()).indexer.handle(EVENT, "m1")
    assert sorted(await world.texts((await world.only_store()).id)) == ["one text", "other text"]


async def test_a_file_attached_while_it_is_indexed_keeps_the_new_attributes() -> None:
    embedder = SlowEmbedder()
    world = World(embedder=embedder)
    file = await world.upload("some text")
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(file_ids=[file.id]))
    (message,) = await world.queues.take("documents")
    run = asyncio.create_task(world.deliver(message, world.process(Fuse())))
    await embedder.begun.wait()
    body = AttachBody(file_id=file.id, attributes={"team": "people"})
    await world.services.attachments.attach(CALLER, store.id, body)
    embedder.go.set()
    await run
    await world.settle()
    attached = await world.services.attachments.retrieve(CALLER, store.id, file.id)
    assert (attached.status, attached.attributes) == ("completed", {"team": "people"})


async def test_a_document_that_is_written_while_it_is_attached_or_taken_out_is_read_again() -> None:
    world = World()
    file = await world.upload("some text")
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(file_ids=[file.id]))
    await world.settle()

    async def write() -> None:
        (stored,) = (await world.documents.list(TENANT)).items
        await world.documents.replace(stored.value, if_match=stored.etag)

    world.documents, documents = Meanwhile(world.documents, "replace", write), world.documents
    body = AttachBody(file_id=file.id, attributes={"a": 1.0})
    assert (await world.process(Fuse()).attachments.attach(CALLER, store.id, body)).attributes == {"a": 1.0}
    world.documents = Meanwhile(documents, "replace", write)
    await world.process(Fuse()).attachments.detach(CALLER, store.id, file.id)
    with pytest.raises(NotFoundError):
        await world.services.attachments.retrieve(CALLER, store.id, file.id)


class Contended:
    """Records that somebody else always writes first."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    async def replace(self, *_: object, **__: object) -> None:
        raise PreconditionFailedError("Changed meanwhile.")


async def test_contention_without_end_is_a_reason_to_come_back_later() -> None:
    world = World()
    file = await world.upload("some text")
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(file_ids=[file.id]))
    world.documents = Contended(world.documents)
    services = world.process(Fuse())
    with pytest.raises(OverloadedError):
        await services.attachments.attach(CALLER, store.id, AttachBody(file_id=file.id, attributes={"a": True}))
    with pytest.raises(OverloadedError):
        await services.attachments.detach(CALLER, store.id, file.id)


class Vanishing:
    """Records whose ids are always taken, though nothing is ever there."""

    async def get(self, tenant: str, record_id: str) -> None:
        raise NotFoundError(f"No {record_id!r} of {tenant!r}.")

    async def create(self, value: object) -> None:
        raise ConflictError(f"{value!r} exists already.")


async def test_a_record_that_keeps_vanishing_is_a_reason_to_come_back_later() -> None:
    world = World()
    world.folders = Vanishing()
    await put(world, b"some text")
    with pytest.raises(OverloadedError):
        await world.process(Fuse()).indexer.handle(EVENT, "m1")


async def test_poison_that_is_contended_is_tried_again_and_given_up_when_it_never_ends() -> None:
    world = World(embedder=Throttled())
    await put(world, b"some text")
    with pytest.raises(RateLimitError):
        await world.services.indexer.handle(EVENT, "m1")
    parked = ParkedMessage(code="server_error", reason="It died.", body=EVENT.model_dump_json())

    async def write() -> None:
        (stored,) = (await world.documents.list(TENANT)).items
        await world.documents.replace(stored.value, if_match=stored.etag)

    documents = world.documents
    world.documents = Contended(documents)
    with pytest.raises(OverloadedError):
        await world.process(Fuse()).indexer.give_up(parked, "p1")
    world.documents = documents
    world.documents = Meanwhile(documents, "replace", write)
    await world.process(Fuse()).indexer.give_up(parked, "p1")
    assert (await world.only_document()).state == "failed"


async def test_a_generation_that_was_overtaken_in_the_index_alone_is_made_again() -> None:
    world = World()
    await put(world, b"some text")

    async def overtake() -> None:
        document = await world.only_document()
        await world.chunks.retire(TENANT, document.store_id, document.id, document.generation + 1)

    world.chunks = Meanwhile(world.chunks, "publish", overtake)
    await world.process(Fuse()).indexer.handle(EVENT, "m1")
    document = await world.only_document()
    assert (document.state, await world.texts(document.store_id)) == ("ready", ["some text"])


async def test_a_store_that_keeps_being_deleted_is_a_reason_to_come_back_later() -> None:
    world = World()
    await put(world, b"some text")

    class Released:
        """The folder is let go of, and the half-made store deleted by somebody else, whenever one is made."""

        def __getattr__(self, name: str) -> Any:
            return getattr(stores, name)

        async def create(self, value: Any) -> Any:
            made = await stores.create(value)
            await world.folders.delete(TENANT, "kb")
            return made

        async def delete(self, tenant: str, record_id: str) -> None:
            await stores.delete(tenant, record_id)
            raise NotFoundError("Gone already.")

    stores, world.stores = world.stores, Released()
    with pytest.raises(OverloadedError):
        await world.process(Fuse()).indexer.handle(EVENT, "m1")
    assert (await stores.list(TENANT)).items == ()


async def test_a_document_whose_store_goes_while_it_is_indexed_is_taken_out() -> None:
    world = World()
    await put(world, b"some text")

    async def delete_store() -> None:
        await world.stores.delete(TENANT, (await world.only_store()).id)

    world.chunks = Meanwhile(world.chunks, "publish", delete_store)
    await world.process(Fuse()).indexer.handle(EVENT, "m1")
    document = await world.only_document()
    assert (document.state, await world.hidden(document)) == ("deleted", 0)
