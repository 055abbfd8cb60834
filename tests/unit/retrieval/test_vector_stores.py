"""Vector stores and the files in them, as OpenAI's clients see them."""

from dataclasses import replace

import pytest
from openai.types import VectorStore, VectorStoreDeleted, VectorStoreSearchResponse
from openai.types.vector_stores import FileContentResponse, VectorStoreFile, VectorStoreFileDeleted
from pydantic import ValidationError

from shared.errors import NotFoundError
from shared.ports.keys import Caller
from shared.ports.records import Attribute, FolderRecord
from shared.wire.lists import ListQuery
from shared.wire.vector_stores import AttachBody, AttachedFileQuery, RankingOptions, SearchBody, VectorStoreBody
from tests.unit.retrieval.world import CALLER, TENANT, Fuse, Meanwhile, World

STRANGER = Caller("zeta", "key-2")


async def filled(world: World, *contents: str | bytes, name: str = "kb") -> tuple[str, list[str]]:
    file_ids = [(await world.upload(content, f"{n}.txt")).id for n, content in enumerate(contents)]
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(name=name, file_ids=file_ids))
    await world.settle()
    return store.id, file_ids


async def test_a_store_is_what_openai_s_clients_expect_and_counts_its_files() -> None:
    world = World()
    file = await world.upload("some text")
    body = VectorStoreBody(name="kb", file_ids=[file.id, file.id], metadata={"team": "people"})
    made = await world.services.vector_stores.create(CALLER, body)
    seen = VectorStore.model_validate_json(made.model_dump_json(), strict=True)
    assert (seen.name, seen.status, seen.metadata, seen.usage_bytes) == ("kb", "in_progress", {"team": "people"}, 0)
    assert (seen.file_counts.in_progress, seen.file_counts.total) == (1, 1)
    await world.settle()
    seen = await world.services.vector_stores.retrieve(CALLER, made.id)
    assert (seen.status, seen.file_counts.completed, seen.file_counts.total) == ("completed", 1, 1)
    assert seen.usage_bytes > 9


async def test_a_failed_file_counts_as_failed_and_its_store_is_complete() -> None:
    world = World()
    store_id, _ = await filled(world, "some text", b"\x00")
    seen = await world.services.vector_stores.retrieve(CALLER, store_id)
    assert (seen.status, seen.file_counts.completed, seen.file_counts.failed) == ("completed", 1, 1)


async def test_a_store_with_a_missing_file_is_not_made() -> None:
    world = World()
    with pytest.raises(NotFoundError, match="No file 'file-none'"):
        await world.services.vector_stores.create(CALLER, VectorStoreBody(name="kb", file_ids=["file-none"]))
    assert (await world.stores.list(TENANT)).items == ()


async def test_stores_are_listed_newest_first() -> None:
    world = World()
    ids = [(await world.services.vector_stores.create(CALLER, VectorStoreBody())).id for _ in range(3)]
    page = await world.services.vector_stores.list(CALLER, ListQuery(limit=2))
    assert ([store.id for store in page.data], page.has_more) == ([ids[2], ids[1]], True)
    page = await world.services.vector_stores.list(CALLER, ListQuery(before=ids[1]))
    assert ([store.id for store in page.data], page.has_more) == ([ids[2]], False)
    assert (await world.services.vector_stores.list(STRANGER, ListQuery())).data == []


async def test_a_stranger_sees_a_store_and_its_files_as_missing() -> None:
    world = World()
    store_id, (file_id,) = await filled(world, "some text")
    stores, attachments = world.services.vector_stores, world.services.attachments
    refusals: set[str] = set()
    for caller, target in ((STRANGER, store_id), (CALLER, store_id + "0")):
        for call in (
            stores.retrieve(caller, target),
            stores.delete(caller, target),
            stores.search(caller, target, SearchBody(query="text")),
            attachments.attach(caller, target, AttachBody(file_id=file_id)),
            attachments.list(caller, target, AttachedFileQuery()),
        ):
            with pytest.raises(NotFoundError) as refused:
                await call
            refusals.add(str(refused.value).replace(target, "ID"))
        for call in (
            attachments.retrieve(caller, target, file_id),
            attachments.detach(caller, target, file_id),
            attachments.content(caller, target, file_id),
        ):
            with pytest.raises(NotFoundError):
                await call
    assert refusals == {"No vector store 'ID'."}
    theirs = await stores.create(STRANGER, VectorStoreBody())
    with pytest.raises(NotFoundError, match="No file"):
        await attachments.attach(STRANGER, theirs.id, AttachBody(file_id=file_id))


async def test_a_deleted_store_takes_its_index_but_not_its_files() -> None:
    world = World()
    store_id, (file_id,) = await filled(world, "some text")
    deleted = await world.services.vector_stores.delete(CALLER, store_id)
    assert VectorStoreDeleted.model_validate_json(deleted.model_dump_json(), strict=True).id == store_id
    with pytest.raises(NotFoundError):
        await world.services.vector_stores.retrieve(CALLER, store_id)
    assert (await world.services.files.retrieve(CALLER, file_id)).id == file_id
    document = await world.only_document()
    assert (document.state, await world.hidden(document)) == ("deleted", 0)


async def test_a_store_deleted_twice_at_once_is_deleted() -> None:
    world = World()
    store_id, _ = await filled(world, "some text")
    world.stores = Meanwhile(world.stores, "delete", lambda: world.services.vector_stores.delete(CALLER, store_id))
    assert (await world.process(Fuse()).vector_stores.delete(CALLER, store_id)).deleted


async def test_a_named_store_is_fed_by_the_folder_of_its_name() -> None:
    world = World()
    store_id, _ = await filled(world, "some text", name="handbook")
    await world.drop("acme/handbook/a.txt", "other text")
    await world.settle()
    assert sorted(await world.texts(store_id)) == ["other text", "some text"]


async def test_a_folder_feeds_the_first_store_of_its_name_until_that_is_deleted() -> None:
    world = World()
    first, _ = await filled(world, name="kb")
    second, _ = await filled(world, name="kb")
    await world.services.vector_stores.delete(CALLER, second)
    assert (await world.folders.get(TENANT, "kb")).value == FolderRecord("kb", TENANT, first)
    await world.services.vector_stores.delete(CALLER, first)
    third, _ = await filled(world, name="kb")
    assert (await world.folders.get(TENANT, "kb")).value.store_id == third


@pytest.mark.parametrize("name", [None, "a/b", "  "])
async def test_a_name_that_cannot_be_a_folder_s_claims_none(name: str | None) -> None:
    world = World()
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(name=name))
    assert store.name == (name or "")
    assert (await world.folders.list(TENANT)).items == ()
    assert (await world.services.vector_stores.delete(CALLER, store.id)).deleted


async def test_an_attached_file_is_what_openai_s_clients_expect() -> None:
    world = World()
    store_id, (file_id,) = await filled(world, "some text")
    attached = await world.services.attachments.retrieve(CALLER, store_id, file_id)
    seen = VectorStoreFile.model_validate_json(attached.model_dump_json(), strict=True)
    assert (seen.id, seen.vector_store_id, seen.status, seen.last_error) == (file_id, store_id, "completed", None)
    assert seen.chunking_strategy is not None
    assert seen.chunking_strategy.type == "other"


async def test_attributes_are_kept_and_come_with_every_result() -> None:
    world = World()
    store_id, (file_id,) = await filled(world, "some text")
    attributes: dict[str, str | float | bool] = {"team": "people", "year": 2026.0, "public": True}
    body = AttachBody(file_id=file_id, attributes=attributes)
    assert (await world.services.attachments.attach(CALLER, store_id, body)).status == "completed"
    page = await world.services.vector_stores.search(CALLER, store_id, SearchBody(query="text"))
    assert [result.attributes for result in page.data] == [attributes]
    assert (await world.services.attachments.attach(CALLER, store_id, AttachBody(file_id=file_id))).attributes == (
        attributes
    )


async def test_attached_files_are_listed_by_pages_and_by_status() -> None:
    world = World()
    store_id, ids = await filled(world, "one text", b"\x00", "three text", "four text")
    attachments = world.services.attachments
    page = await attachments.list(CALLER, store_id, AttachedFileQuery(limit=2))
    assert ([f.id for f in page.data], page.has_more) == ([ids[3], ids[2]], True)
    page = await attachments.list(CALLER, store_id, AttachedFileQuery(limit=2, after=ids[2]))
    assert ([f.id for f in page.data], page.has_more) == ([ids[1], ids[0]], False)
    page = await attachments.list(CALLER, store_id, AttachedFileQuery(limit=2, before=ids[0]))
    assert ([f.id for f in page.data], page.has_more) == ([ids[2], ids[1]], True)
    page = await attachments.list(CALLER, store_id, AttachedFileQuery(filter="failed", order="asc"))
    assert [f.id for f in page.data] == [ids[1]]
    assert (await attachments.list(CALLER, store_id, AttachedFileQuery(filter="cancelled"))).data == []


async def test_a_file_taken_out_is_not_found_and_can_be_put_back() -> None:
    world = World()
    store_id, (file_id,) = await filled(world, "some text")
    attachments = world.services.attachments
    gone = await attachments.detach(CALLER, store_id, file_id)
    assert VectorStoreFileDeleted.model_validate_json(gone.model_dump_json(), strict=True).id == file_id
    assert await world.texts(store_id) == []
    assert (await attachments.list(CALLER, store_id, AttachedFileQuery())).data == []
    await world.settle()
    assert await world.texts(store_id) == [], "the message that looks again must not put it back"
    with pytest.raises(NotFoundError):
        await attachments.detach(CALLER, store_id, file_id)
    await attachments.attach(CALLER, store_id, AttachBody(file_id=file_id))
    await world.settle()
    assert await world.texts(store_id) == ["some text"]


async def test_a_dropped_file_taken_out_stays_out_until_a_new_version_is_dropped() -> None:
    world = World()
    await world.drop("acme/kb/a.txt", "some text")
    await world.settle()
    document = await world.only_document()
    await world.services.attachments.detach(CALLER, document.store_id, document.file_id)
    await world.announce("acme/kb/a.txt")
    await world.settle()
    assert await world.texts(document.store_id) == []
    assert (await world.services.files.retrieve(CALLER, document.file_id)).filename == "a.txt"
    await world.drop("acme/kb/a.txt", "newer text")
    await world.settle()
    assert await world.texts(document.store_id) == ["newer text"]


async def test_the_content_of_an_attached_file_is_its_text_less_what_the_caller_may_not_read() -> None:
    world = World()
    store_id, (file_id,) = await filled(world, "one text\n\ntwo text")
    page = await world.services.attachments.content(CALLER, store_id, file_id)
    assert [item.text for item in page.data] == ["one text", "two text"]
    FileContentResponse.model_validate_json(page.data[0].model_dump_json(), strict=True)
    chunks = await world.visible(await world.only_document())
    await world.chunks.put([replace(chunks[1], acl=("group:hr",))])
    page = await world.services.attachments.content(CALLER, store_id, file_id)
    assert [item.text for item in page.data] == ["one text"]
    page = await world.services.attachments.content(replace(CALLER, principals=("group:hr",)), store_id, file_id)
    assert len(page.data) == 2


async def test_search_results_are_what_openai_s_clients_expect() -> None:
    world = World()
    store_id, (file_id, _) = await filled(world, "leave policy text", "unrelated words here")
    page = await world.services.vector_stores.search(
        CALLER, store_id, SearchBody(query=["leave policy", "text"], max_num_results=1)
    )
    assert (page.object, page.has_more, page.next_page) == ("vector_store.search_results.page", False, None)
    assert page.search_query == ["leave policy", "text"]
    (found,) = page.data
    seen = VectorStoreSearchResponse.model_validate_json(found.model_dump_json(), strict=True)
    assert (seen.file_id, seen.filename, seen.content[0].text) == (file_id, "0.txt", "leave policy text")
    assert 0 < seen.score <= 1


async def test_a_score_threshold_drops_what_ranks_low() -> None:
    world = World()
    store_id, _ = await filled(world, "leave policy text", "unrelated words here")
    body = SearchBody(query="leave policy", ranking_options=RankingOptions(score_threshold=0.9))
    page = await world.services.vector_stores.search(CALLER, store_id, body)
    assert [result.filename for result in page.data] == ["0.txt"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (None, {"0.txt", "1.txt", "2.txt"}),
        ({"type": "eq", "key": "team", "value": "hr"}, {"0.txt"}),
        ({"type": "ne", "key": "team", "value": "hr"}, {"1.txt", "2.txt"}),
        ({"type": "in", "key": "team", "value": ["hr", "it"]}, {"0.txt", "1.txt"}),
        ({"type": "nin", "key": "year", "value": [2023, 2024]}, {"2.txt"}),
        ({"type": "gte", "key": "year", "value": 2024}, {"1.txt"}),
        (
            {
                "type": "and",
                "filters": [
                    {"type": "lt", "key": "year", "value": 2024},
                    {"type": "or", "filters": [{"type": "eq", "key": "draft", "value": True}]},
                ],
            },
            {"0.txt"},
        ),
    ],
)
async def test_filters_narrow_a_search_as_openai_s_do(filters: object, expected: set[str]) -> None:
    world = World()
    store_id, _ = await filled(world, "the leave policy", "a travel policy", "no policy at all")
    attributes: tuple[dict[str, Attribute], ...] = (
        {"team": "hr", "year": 2023.0, "draft": True},
        {"team": "it", "year": 2024.0, "draft": False},
        {},
    )
    for stored in (await world.documents.list(TENANT)).items:
        chosen = attributes[int(stored.value.filename[0])]
        await world.chunks.put([replace(one, attributes=chosen) for one in await world.visible(stored.value)])
    body = SearchBody.model_validate({"query": "policy", "filters": filters, "rewrite_query": True})
    page = await world.services.vector_stores.search(CALLER, store_id, body)
    assert {result.filename for result in page.data} == expected


async def test_a_client_may_weigh_meaning_against_words() -> None:
    world = World()
    store_id, _ = await filled(world, "leave", "leave leave leave policy")
    ranking = {"hybrid_search": {"embedding_weight": 0, "text_weight": 2}, "ranker": "auto", "score_threshold": 0.99}
    body = SearchBody.model_validate({"query": "leave", "ranking_options": ranking})
    (best,) = (await world.services.vector_stores.search(CALLER, store_id, body)).data
    assert best.score == 1.0


async def test_a_result_whose_document_has_just_gone_has_no_attributes() -> None:
    world = World()
    store_id, _ = await filled(world, "some text")
    document = await world.only_document()
    world.documents = Meanwhile(world.documents, "get", lambda: world.documents.delete(TENANT, document.id))
    page = await world.process(Fuse()).vector_stores.search(CALLER, store_id, SearchBody(query="text"))
    assert page.data[0].attributes == {}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (SearchBody, {"query": " "}),
        (SearchBody, {"query": []}),
        (SearchBody, {"query": "x", "max_num_results": 51}),
        (SearchBody, {"query": "x", "rewrite_query": "yes"}),
        (SearchBody, {"query": "x", "ranking_options": {"score_threshold": 1.1}}),
        (SearchBody, {"query": "x", "ranking_options": {"hybrid_search": {"embedding_weight": 0, "text_weight": 0}}}),
        (SearchBody, {"query": "x", "ranking_options": {"hybrid_search": {"embedding_weight": -1, "text_weight": 1}}}),
        (VectorStoreBody, {"metadata": {str(n): "" for n in range(17)}}),
        (VectorStoreBody, {"metadata": {"a": "x" * 513}}),
        (AttachBody, {"file_id": "f", "attributes": {"k" * 65: 1}}),
        (AttachBody, {"file_id": "f", "attributes": {"k": None}}),
        (AttachBody, {"file_id": "f", "attributes": {"k": float("inf")}}),
    ],
)
def test_limits_are_openai_s(body: type[SearchBody | VectorStoreBody | AttachBody], fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        body.model_validate(fields)
