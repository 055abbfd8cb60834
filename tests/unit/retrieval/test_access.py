"""Who may read what: principals, documents, and every way that shows a document's text, name or attributes."""

from collections.abc import Awaitable, Callable

import pytest

from shared.errors import NotFoundError
from shared.ports.keys import Caller
from shared.ports.records import FileRecord
from shared.wire.files import FileQuery
from shared.wire.lists import ListQuery
from shared.wire.vector_stores import AttachBody, AttachedFileQuery, SearchBody, VectorStoreBody
from tests.unit.retrieval.world import CALLER, TENANT, World

HOLDERS: dict[str, tuple[str, ...]] = {
    "nobody": (),
    "hr": ("hr",),
    "legal": ("legal",),
    "both": ("hr", "legal", "other"),
    "stranger": ("HR", "h", "hr,legal", "*", ""),
}
ACLS = {"open": None, "hr": "hr", "legal": "legal", "either": "hr, legal", "boss": "boss"}
MAY: dict[str, set[str]] = {
    "nobody": {"open"},
    "hr": {"open", "hr", "either"},
    "legal": {"open", "legal", "either"},
    "both": {"open", "hr", "legal", "either"},
    "stranger": {"open"},
}
HOW = ("attached", "dropped")


def holder(name: str) -> Caller:
    return Caller(TENANT, f"key-{name}", HOLDERS[name])


async def filled(how: str) -> tuple[World, str, dict[str, str]]:
    """A store with a document for each ACL, and the file of each. Its text and its name both say which it is."""
    world = World()
    if how == "dropped":
        for name, acl in ACLS.items():
            await world.drop(f"{TENANT}/kb/{name}.txt", f"policy {name}", **({} if acl is None else {"acl": acl}))
        await world.settle()
        stores = await world.services.vector_stores.list(CALLER, ListQuery())
        store_id = stores.data[0].id
    else:
        store_id = (await world.services.vector_stores.create(CALLER, VectorStoreBody(name="kb"))).id
        for name, acl in ACLS.items():
            file = await world.upload(f"policy {name}", f"{name}.txt")
            attributes = {"title": name, **({} if acl is None else {"acl": acl})}
            await world.services.attachments.attach(
                CALLER, store_id, AttachBody(file_id=file.id, attributes=attributes)
            )
        await world.settle()
    documents = (await world.documents.list(TENANT)).items
    return world, store_id, {one.value.filename.removesuffix(".txt"): one.value.file_id for one in documents}


type Look = Callable[[World, Caller, str, dict[str, str]], Awaitable[set[str]]]


async def by_search(world: World, caller: Caller, store_id: str, files: dict[str, str]) -> set[str]:
    page = await world.services.vector_stores.search(caller, store_id, SearchBody(query="policy", max_num_results=50))
    return {one.filename.removesuffix(".txt") for one in page.data} | {
        one.content[0].text.split()[1] for one in page.data
    }


async def by_word(world: World, caller: Caller, store_id: str, files: dict[str, str]) -> set[str]:
    """Asking for each by its own word, as a search for chat does, and narrowed to its own file."""
    found: set[str] = set()
    for name, file_id in files.items():
        for narrowed in (None, [file_id]):
            passages = await world.services.searcher.search(caller, [store_id], name, limit=20, file_ids=narrowed)
            found |= {passage.text.split()[1] for passage in passages}
    return found


async def by_passages(world: World, caller: Caller, store_id: str, files: dict[str, str]) -> set[str]:
    pages = {
        name: await world.services.attachments.content(caller, store_id, file_id) for name, file_id in files.items()
    }
    return {name for name, page in pages.items() if page.data}


async def by_content(world: World, caller: Caller, store_id: str, files: dict[str, str]) -> set[str]:
    return await _not_missing(lambda file_id: world.services.files.content(caller, file_id), files)


async def by_name(world: World, caller: Caller, store_id: str, files: dict[str, str]) -> set[str]:
    return await _not_missing(lambda file_id: world.services.files.retrieve(caller, file_id), files)


async def by_list(world: World, caller: Caller, store_id: str, files: dict[str, str]) -> set[str]:
    """Page by page, as clients walk."""
    names: set[str] = set()
    after: str | None = None
    while True:
        page = await world.services.files.list(caller, FileQuery(limit=1, after=after))
        names |= {one.filename.removesuffix(".txt").rpartition("/")[2] for one in page.data}
        if not page.has_more:
            return names
        after = page.last_id


async def _not_missing(look: Callable[[str], Awaitable[object]], files: dict[str, str]) -> set[str]:
    seen: set[str] = set()
    for name, file_id in files.items():
        try:
            await look(file_id)
        except NotFoundError:
            continue
        seen.add(name)
    return seen


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("who", HOLDERS)
@pytest.mark.parametrize("look", [by_search, by_word, by_passages, by_content, by_name, by_list])
async def test_no_way_shows_what_the_caller_may_not_read(look: Look, who: str, how: str) -> None:
    world, store_id, files = await filled(how)
    assert len(files) == len(ACLS)
    assert await look(world, holder(who), store_id, files) == MAY[who]


@pytest.mark.parametrize("who", HOLDERS)
async def test_a_file_in_a_store_shows_its_state_to_all_and_its_attributes_to_readers(who: str) -> None:
    world, store_id, files = await filled("attached")
    page = await world.services.attachments.list(holder(who), store_id, AttachedFileQuery(limit=50))
    assert {one.id for one in page.data} == set(files.values())
    assert {one.attributes["title"] for one in page.data if one.attributes} == MAY[who]
    for name, file_id in files.items():
        seen = await world.services.attachments.retrieve(holder(who), store_id, file_id)
        assert (seen.status, bool(seen.attributes)) == ("completed", name in MAY[who])


async def test_why_a_document_failed_is_told_to_its_readers_only() -> None:
    world = World()
    store_id = (await world.services.vector_stores.create(CALLER, VectorStoreBody(name="kb"))).id
    file = await world.upload(b"\x00", "plan to dismiss.bin")
    body = AttachBody(file_id=file.id, attributes={"acl": "hr"})
    await world.services.attachments.attach(CALLER, store_id, body)
    await world.settle()
    reader, other = [
        (await world.services.attachments.retrieve(holder(who), store_id, file.id)).last_error
        for who in ("hr", "nobody")
    ]
    assert reader is not None
    assert other is not None
    assert "plan to dismiss" in reader.message
    assert (other.code, other.message) == (reader.code, "You may not read this document.")


async def test_a_file_that_one_of_two_stores_restricts_is_restricted() -> None:
    world = World()
    file = await world.upload("policy")
    for name, attributes in (("a", {"acl": "hr"}), ("b", None)):
        store = await world.services.vector_stores.create(CALLER, VectorStoreBody(name=name))
        body = AttachBody(file_id=file.id, attributes=attributes)
        await world.services.attachments.attach(holder("hr"), store.id, body)
    assert (await world.services.files.retrieve(holder("hr"), file.id)).id == file.id
    with pytest.raises(NotFoundError):
        await world.services.files.retrieve(holder("nobody"), file.id)
    stores = await world.services.vector_stores.list(CALLER, ListQuery())
    restricting = next(one.id for one in stores.data if one.name == "a")
    await world.services.attachments.detach(CALLER, restricting, file.id)
    assert (await world.services.files.retrieve(holder("nobody"), file.id)).id == file.id


@pytest.mark.parametrize("who", HOLDERS)
async def test_nobody_opens_a_document_that_he_may_not_read_by_attaching_it_anew(who: str) -> None:
    world, store_id, files = await filled("attached")
    mine = await world.services.vector_stores.create(holder(who), VectorStoreBody(name="mine"))
    for target in (store_id, mine.id):

        async def attach(file_id: str, target: str = target) -> None:
            await world.services.attachments.attach(holder(who), target, AttachBody(file_id=file_id, attributes={}))

        assert await _not_missing(attach, files) == MAY[who]

    async def create(file_id: str) -> None:
        await world.services.vector_stores.create(holder(who), VectorStoreBody(name="", file_ids=[file_id]))

    world, store_id, files = await filled("attached")
    assert await _not_missing(create, files) == MAY[who]


async def test_a_dropped_blob_is_guarded_before_it_is_indexed() -> None:
    world = World()
    await world.drop(f"{TENANT}/kb/plan.txt", "policy", acl="hr")
    await world.drop(f"{TENANT}/kb/broken.txt", "policy", acl="hr,,")
    await world.settle()
    for document in (await world.documents.list(TENANT)).items:
        await world.documents.delete(TENANT, document.value.id)
    files: list[FileRecord] = [stored.value for stored in (await world.files.list(TENANT)).items]
    assert len(files) == 2
    for file in files:
        with pytest.raises(NotFoundError):
            await world.services.files.content(holder("nobody"), file.id)
    names = {one.filename for one in (await world.services.files.list(holder("hr"), FileQuery())).data}
    assert {name.rpartition("/")[2] for name in names} == {"plan.txt"}


async def test_a_dropped_blob_that_is_gone_is_shown_to_nobody() -> None:
    world = World()
    await world.drop(f"{TENANT}/kb/plan.txt", "policy", acl="hr")
    await world.settle()
    (file,) = (await world.files.list(TENANT)).items
    await world.blobs.delete(file.value.container, file.value.blob_name)
    for who in ("hr", "nobody"):
        with pytest.raises(NotFoundError):
            await world.services.files.retrieve(holder(who), file.value.id)


async def test_a_list_of_files_is_walked_backwards_past_what_may_not_be_read() -> None:
    world, _, files = await filled("attached")
    newest = max(files.values())
    page = await world.services.files.list(holder("nobody"), FileQuery(limit=1, before=newest, order="asc"))
    assert [one.filename for one in page.data] == ["open.txt"]
