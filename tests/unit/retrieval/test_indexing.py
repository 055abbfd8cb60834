"""From a blob to an index that agrees with it."""

import pytest

from shared.errors import UpstreamError
from shared.ports.records import document_id
from shared.retrieval.blob_names import Drop
from shared.wire.messages import BlobMessage, DocumentMessage, ParkedMessage
from shared.wire.vector_stores import AttachBody, VectorStoreBody
from tests.unit.retrieval.world import CALLER, TENANT, Fuse, WordsEmbedder, World

NAME = "acme/handbook/leave/policy.txt"
TWO = "Employees have 25 days of leave.\n\nLeave is asked for in text."


async def test_an_attached_file_becomes_searchable() -> None:
    world = World()
    file = await world.upload(TWO)
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(name="kb"))
    attached = await world.services.attachments.attach(CALLER, store.id, AttachBody(file_id=file.id))
    assert (attached.status, attached.usage_bytes) == ("in_progress", 0)
    await world.settle()
    attached = await world.services.attachments.retrieve(CALLER, store.id, file.id)
    assert (attached.status, attached.last_error) == ("completed", None)
    assert attached.usage_bytes > len(TWO)
    (passage,) = await world.services.searcher.search(CALLER, [store.id], "days of leave", limit=2)
    assert (passage.file_id, passage.filename, passage.page_start, passage.char_start) == (file.id, "a.txt", 1, 0)
    assert passage.text == TWO


async def test_a_dropped_blob_makes_its_store_its_file_and_its_index() -> None:
    world = World()
    await world.drop(NAME, TWO)
    await world.settle()
    store = await world.only_store()
    assert store.name == "handbook"
    assert await world.texts(store.id) == [TWO]
    (file,) = (await world.files.list(TENANT)).items
    assert (file.value.filename, file.value.size_bytes) == ("leave/policy.txt", len(TWO))
    assert (await world.only_document()).state == "ready"


async def test_the_record_says_what_the_index_holds_and_where_the_time_went() -> None:
    world = World()
    await world.drop(NAME, TWO)
    await world.settle()
    document = await world.only_document()
    assert (document.chunks, document.tokens, document.generation) == (2, 12, 1)
    assert document.usage_bytes == len(TWO) - 2 + 2 * 64 * 4
    assert set(document.timings_ms) == {"download", "extract", "embed", "write", "publish"}
    assert (document.claim, document.attempts, document.last_error) == (None, 0, None)


async def test_headings_are_embedded_and_kept_but_are_no_text_of_a_passage() -> None:
    world = World()
    await world.drop(NAME, "# Leave\n\nTwenty-five days.")
    await world.settle()
    assert "Leave\n\nTwenty-five days." in world.embedder.texts
    chunks = await world.visible(await world.only_document())
    assert [(chunk.text, chunk.headings) for chunk in chunks] == [
        ("# Leave", ("Leave",)),
        ("Twenty-five days.", ("Leave",)),
    ]


async def test_indexing_is_metered_to_the_tenant_and_to_no_key() -> None:
    world = World()
    await world.drop(NAME, TWO)
    await world.settle()
    assert [(c.tenant, c.key_id, source) for c, source in world.embedder.callers] == [(TENANT, None, "indexing")]


async def test_an_overwritten_blob_leaves_no_stale_tail() -> None:
    world = World()
    await world.drop(NAME, "one\n\ntwo\n\nthree\n\nfour\n\nfive")
    await world.settle()
    await world.drop(NAME, "six")
    await world.settle()
    document = await world.only_document()
    assert [chunk.text for chunk in await world.visible(document)] == ["six"]
    assert document.generation == 2
    assert (await world.files.get(TENANT, document.file_id)).value.size_bytes == 3
    assert await world.hidden(document) == 0


async def test_the_same_version_again_costs_nothing() -> None:
    world = World()
    await world.drop(NAME, TWO)
    await world.settle()
    embedded = len(world.embedder.texts)
    await world.announce(NAME)
    await world.settle()
    assert len(world.embedder.texts) == embedded
    assert (await world.only_document()).generation == 1


async def test_the_same_content_under_a_new_etag_is_not_embedded_again() -> None:
    world = World()
    await world.drop(NAME, TWO)
    await world.settle()
    before, embedded = await world.only_document(), len(world.embedder.texts)
    await world.drop(NAME, TWO)
    await world.settle()
    after = await world.only_document()
    assert len(world.embedder.texts) == embedded
    assert after.blob_etag != before.blob_etag
    assert (after.state, after.chunks, after.content_hash) == ("ready", 2, before.content_hash)
    assert len(await world.visible(after)) == 2


async def test_content_that_came_back_after_a_failed_version_is_indexed_anew() -> None:
    world = World()
    await world.drop(NAME, TWO)
    await world.settle()
    await world.drop(NAME, b"\x00")
    await world.settle()
    await world.drop(NAME, TWO)
    await world.settle()
    assert len(await world.visible(await world.only_document())) == 2


@pytest.mark.parametrize(
    ("content", "state", "code"), [(b"\x00", "failed", "unsupported_file"), (b"", "empty", "invalid_file")]
)
async def test_a_file_that_cannot_be_read_says_why_and_is_no_longer_found(
    content: bytes, state: str, code: str
) -> None:
    world = World()
    await world.drop(NAME, TWO)
    await world.settle()
    await world.drop(NAME, content)
    await world.settle()
    document = await world.only_document()
    attached = await world.services.attachments.retrieve(CALLER, document.store_id, document.file_id)
    assert attached.last_error is not None
    assert (document.state, attached.status, attached.last_error.code) == (state, "failed", code)
    assert "policy.txt" in attached.last_error.message
    assert (document.chunks, document.usage_bytes) == (0, 0)
    assert await world.texts(document.store_id) == []
    assert await world.hidden(document) == 0


async def test_a_deleted_blob_is_no_longer_found_nor_listed() -> None:
    world = World()
    await world.drop(NAME, TWO)
    await world.settle()
    await world.remove(NAME)
    await world.settle()
    document = await world.only_document()
    assert document.state == "deleted"
    assert await world.texts(document.store_id) == []
    assert (await world.files.list(TENANT)).items == ()
    assert await world.hidden(document) == 0


async def test_a_blob_dropped_again_after_its_deletion_is_indexed_again() -> None:
    world = World()
    await world.drop(NAME, TWO)
    await world.settle()
    await world.remove(NAME)
    await world.settle()
    await world.drop(NAME, TWO)
    await world.settle()
    document = await world.only_document()
    assert (document.state, len(await world.visible(document))) == ("ready", 2)
    assert document.generation == 3


async def test_an_event_about_a_blob_that_was_never_seen_and_is_gone_makes_nothing() -> None:
    world = World()
    await world.announce(NAME)
    await world.announce("just-a-name")
    await world.settle()
    assert (await world.stores.list(TENANT)).items == ()


async def test_a_message_about_a_document_that_is_unknown_is_done() -> None:
    world = World()
    message = DocumentMessage(tenant=TENANT, store_id="vs_1", file_id="file-1")
    await world.services.indexer.handle(message, "m1")
    assert (await world.documents.list(TENANT)).items == ()


async def test_a_changed_drop_is_updated_in_every_store_it_was_attached_to() -> None:
    world = World()
    await world.drop(NAME, "old text")
    await world.settle()
    file_id = (await world.only_document()).file_id
    other = await world.services.vector_stores.create(CALLER, VectorStoreBody(name="other", file_ids=[file_id]))
    await world.settle()
    assert await world.texts(other.id) == ["old text"]
    await world.drop(NAME, "new text")
    await world.settle()
    assert await world.texts(other.id) == ["new text"]
    await world.remove(NAME)
    await world.settle()
    assert await world.texts(other.id) == []


class FailingEmbedder:
    async def embed(self, *_: object, **__: object) -> None:
        raise UpstreamError("The deployment answered 500.")


class BrokenEmbedder:
    async def embed(self, *_: object, **__: object) -> None:
        raise KeyError("secret internals")


@pytest.mark.parametrize(
    ("embedder", "error", "reason"),
    [
        (FailingEmbedder(), UpstreamError, "The deployment answered 500."),
        (BrokenEmbedder(), KeyError, "Indexing failed: KeyError."),
    ],
)
async def test_a_failed_attempt_is_counted_with_its_reason_and_raised(
    embedder: object, error: type[Exception], reason: str
) -> None:
    world = World(embedder=embedder)
    await world.drop(NAME, TWO)
    for attempt in (1, 2):
        with pytest.raises(error):
            await world.services.indexer.handle(BlobMessage(blob_name=NAME), "m1")
        document = await world.only_document()
        assert (document.attempts, document.state, document.claim) == (attempt, "embedding", None)
        assert document.last_error is not None
        assert document.last_error.message == reason


async def test_a_document_that_failed_too_often_is_marked_with_the_last_reason_and_tried_again_when_asked() -> None:
    world = World(embedder=FailingEmbedder())
    await world.drop(NAME, TWO)
    body = BlobMessage(blob_name=NAME).model_dump_json()
    with pytest.raises(UpstreamError):
        await world.services.indexer.handle(BlobMessage(blob_name=NAME), "m1")
    await world.services.indexer.give_up(ParkedMessage(code="server_error", reason="Every attempt.", body=body), "p1")
    document = await world.only_document()
    attached = await world.services.attachments.retrieve(CALLER, document.store_id, document.file_id)
    assert attached.last_error is not None
    assert (attached.status, attached.last_error.code) == ("failed", "server_error")
    assert attached.last_error.message == "The deployment answered 500."
    world.embedder = WordsEmbedder()
    await world.process(Fuse()).indexer.handle(BlobMessage(blob_name=NAME), "redriven")
    assert (await world.only_document()).state == "ready"


async def test_attaching_a_file_again_after_a_failure_tries_again() -> None:
    world = World()
    await world.drop(NAME, b"\x00")
    await world.settle()
    document = await world.only_document()
    assert document.state == "failed"
    await world.services.attachments.attach(CALLER, document.store_id, AttachBody(file_id=document.file_id))
    assert (await world.only_document()).state == "queued"


async def test_a_redriven_message_tries_again() -> None:
    world = World()
    await world.drop(NAME, TWO)
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(name="handbook"))
    await world.services.folders.adopt(Drop(TENANT, "handbook", "leave/policy.txt"), 1)
    document = await world.only_document()
    assert document.store_id == store.id
    body = DocumentMessage(tenant=TENANT, store_id=store.id, file_id=document.file_id).model_dump_json()
    await world.services.indexer.give_up(ParkedMessage(code="server_error", reason="It died.", body=body), "p1")
    failed = await world.only_document()
    assert (failed.state, failed.last_error and failed.last_error.message) == ("failed", "It died.")
    await world.settle()
    assert (await world.only_document()).state == "ready"


async def test_poison_changes_nothing_that_is_settled() -> None:
    world = World()
    await world.drop(NAME, TWO)
    await world.settle()
    before = await world.only_document()
    body = BlobMessage(blob_name=NAME).model_dump_json()
    await world.services.indexer.give_up(ParkedMessage(code="server_error", reason="Late.", body=body), "p1")
    assert await world.only_document() == before


@pytest.mark.parametrize(
    "body", ["no json", '{"version": 99}', '{"version": 1, "kind": "blob", "blob_name": "x"}', '{"a": 1}']
)
async def test_poison_about_nothing_we_know_is_kept(body: str) -> None:
    world = World()
    await world.services.indexer.give_up(ParkedMessage(code="poison_message", reason="What?", body=body), "p1")
    kept = b"".join([piece async for piece in world.blobs.read("poison", "documents/p1")])
    assert kept.decode() == body


async def test_a_document_of_a_deleted_store_is_taken_out() -> None:
    world = World()
    file = await world.upload(TWO)
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(file_ids=[file.id]))
    await world.stores.delete(TENANT, store.id)
    await world.settle()
    document = (await world.documents.get(TENANT, document_id(store.id, file.id))).value
    assert (document.state, await world.hidden(document)) == ("deleted", 0)
