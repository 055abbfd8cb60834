"""Attributes and principals of a document: where they come from, and that a change of them is a new generation."""

import pytest

from shared.errors import DocumentError, InvalidRequestError
from shared.ports.keys import Caller
from shared.ports.records import Attribute
from shared.retrieval.inputs import from_metadata
from shared.wire.vector_stores import AttachBody, VectorStoreBody
from tests.unit.retrieval.test_interleavings import content_of
from tests.unit.retrieval.world import CALLER, TENANT, World

NAME = "acme/kb/a.txt"
HR = Caller(TENANT, "key-2", principals=("hr",))


async def found_by(world: World, caller: Caller) -> int:
    store = await world.only_store()
    return len(await world.services.searcher.search(caller, [store.id], "shared words", limit=50))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("law", "law"),
        ("2024", 2024.0),
        ("-1.5e3", -1500.0),
        ("true", True),
        ('"2024"', "2024"),
        ("NaN", "NaN"),
        ("null", "null"),
        ("[1]", "[1]"),
        ("", ""),
        ("007", "007"),
    ],
)
def test_a_value_of_the_metadata_is_a_number_or_a_boolean_where_it_is_written_as_one(
    text: str, value: Attribute
) -> None:
    assert from_metadata({"attr_x": text}).attributes == {"x": value}


def test_keys_are_case_insensitive_and_others_are_nobodys_business() -> None:
    inputs = from_metadata({"ACL": "legal , hr,hr", "Attr_Department": "law", "author": "Ann", "hdi_isfolder": "no"})
    assert (dict(inputs.attributes), inputs.acl) == ({"department": "law"}, ("hr", "legal"))


@pytest.mark.parametrize(
    "acl", ["", " ", ",", "hr,", "hr,,legal", "hr,a\tb", "x" * 513, ",".join(map(str, range(101)))]
)
async def test_a_document_whose_acl_cannot_be_understood_fails_and_is_not_found(acl: str) -> None:
    world = World()
    await world.drop(NAME, content_of(1))
    await world.settle()
    await world.drop(NAME, content_of(1), acl=acl)
    await world.settle()
    document = await world.only_document()
    assert (document.state, document.last_error and document.last_error.code) == ("failed", "invalid_file")
    assert "acl" in (document.last_error.message if document.last_error else "")
    assert await world.visible(document) == []


@pytest.mark.parametrize(
    "metadata",
    [{f"attr_{i}": "x" for i in range(17)}, {"attr_": "x"}, {"attr_acl": "x"}, {"attr_x": "y" * 513}],
    ids=["too many", "no name", "reserved", "too long"],
)
def test_attributes_keep_to_the_limits_of_the_api(metadata: dict[str, str]) -> None:
    with pytest.raises(DocumentError):
        from_metadata(metadata)


async def test_a_drops_metadata_says_who_finds_it_and_by_what() -> None:
    world = World()
    await world.drop(NAME, content_of(1), acl="hr,legal", attr_department="law")
    await world.settle()
    document = await world.only_document()
    assert {(chunk.acl, chunk.attributes["department"]) for chunk in await world.visible(document)} == {
        (("hr", "legal"), "law")
    }
    assert (await found_by(world, CALLER), await found_by(world, HR) > 0) == (0, True)
    attached = await world.services.attachments.retrieve(HR, document.store_id, document.file_id)
    assert attached.attributes == {"department": "law", "acl": "hr,legal"}


async def test_a_change_of_the_metadata_alone_is_a_new_generation_that_embeds_nothing() -> None:
    world = World()
    await world.drop(NAME, content_of(2))
    await world.settle()
    embedded = len(world.embedder.texts)
    await world.drop(NAME, content_of(2), acl="hr")
    await world.settle()
    document = await world.only_document()
    assert (document.generation, document.chunks, len(world.embedder.texts)) == (2, 7, embedded)
    assert {chunk.acl for chunk in await world.visible(document)} == {("hr",)}
    assert (await found_by(world, CALLER), await world.hidden(document)) == (0, 0)


async def test_the_attributes_of_an_attached_file_say_who_finds_it() -> None:
    world = World()
    file = await world.upload(content_of(1))
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(name="kb"))
    body = AttachBody(file_id=file.id, attributes={"acl": "hr", "year": 2024, "draft": True})
    attached = await world.services.attachments.attach(CALLER, store.id, body)
    assert attached.attributes == {"acl": "hr", "year": 2024, "draft": True}
    await world.settle()
    (chunk, *_) = await world.visible(await world.only_document())
    assert (chunk.acl, dict(chunk.attributes)) == (("hr",), {"year": 2024.0, "draft": True})
    assert await found_by(world, CALLER) == 0


async def test_attaching_a_ready_file_with_other_attributes_makes_a_new_generation_with_them() -> None:
    world = World()
    file = await world.upload(content_of(1))
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(file_ids=[file.id]))
    await world.settle()
    given: list[dict[str, str | float | bool] | None] = [{"acl": "hr"}, {"acl": "hr"}, None]
    for attributes in given:
        await world.services.attachments.attach(HR, store.id, AttachBody(file_id=file.id, attributes=attributes))
        await world.settle()
        document = await world.only_document()
        assert (document.generation, document.state, await found_by(world, CALLER)) == (2, "ready", 0)
    await world.services.attachments.attach(HR, store.id, AttachBody(file_id=file.id, attributes={}))
    await world.settle()
    assert ((await world.only_document()).generation, await found_by(world, CALLER) > 0) == (3, True)


@pytest.mark.parametrize("acl", [True, 7.0, "", "a,,b"])
async def test_an_acl_that_cannot_be_understood_is_refused_by_the_api(acl: Attribute) -> None:
    world = World()
    file = await world.upload(content_of(1))
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(name="kb"))
    with pytest.raises(InvalidRequestError) as caught:
        await world.services.attachments.attach(CALLER, store.id, AttachBody(file_id=file.id, attributes={"acl": acl}))
    assert (caught.value.param, (await world.documents.list(TENANT)).items) == ("attributes", ())


async def test_attaching_a_drop_elsewhere_neither_loosens_nor_changes_what_its_metadata_says() -> None:
    world = World()
    await world.drop(NAME, content_of(1), acl="hr")
    await world.settle()
    file_id = (await world.only_document()).file_id
    other = await world.services.vector_stores.create(CALLER, VectorStoreBody(name="other"))
    with pytest.raises(InvalidRequestError):
        await world.services.attachments.attach(HR, other.id, AttachBody(file_id=file_id, attributes={"a": 1}))
    await world.services.attachments.attach(HR, other.id, AttachBody(file_id=file_id, attributes={}))
    await world.settle()
    for caller, found in ((CALLER, False), (HR, True)):
        hits = await world.services.searcher.search(caller, [other.id], "shared words", limit=50)
        assert bool(hits) == found
