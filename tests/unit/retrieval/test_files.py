"""Files: uploaded, listed, read, deleted."""

from io import BytesIO

import pytest
from openai.types import FileDeleted, FileObject

from shared.errors import NotFoundError
from shared.ports.blobs import FILES
from shared.ports.keys import Caller
from shared.wire.files import FileForm, FileQuery
from shared.wire.uploads import Upload
from shared.wire.vector_stores import VectorStoreBody
from tests.unit.retrieval.world import CALLER, World

STRANGER = Caller("zeta", "key-2")


async def test_an_upload_is_what_openai_s_clients_expect() -> None:
    world = World()
    made = await world.upload("some text", "notes.txt")
    seen = FileObject.model_validate_json(made.model_dump_json(), strict=True)
    assert (seen.filename, seen.bytes, seen.purpose, seen.status) == ("notes.txt", 9, "assistants", "processed")
    assert seen.created_at == int(world.clock.now().timestamp())
    assert await world.services.files.retrieve(CALLER, made.id) == made


async def test_the_content_comes_back_byte_for_byte() -> None:
    world = World()
    raw = bytes(range(256)) * 1000
    made = await world.upload(raw, "blob.bin")
    download = await world.services.files.content(CALLER, made.id)
    assert b"".join([piece async for piece in download.content]) == raw
    assert (download.filename, download.size_bytes, download.content_type) == ("blob.bin", len(raw), "text/plain")


@pytest.mark.parametrize(
    ("sent", "kept"), [("C:\\docs\\a.pdf", "a.pdf"), ("../../a.pdf", "a.pdf"), ("", "file"), ("x" * 300, "x" * 255)]
)
async def test_a_filename_loses_its_directories(sent: str, kept: str) -> None:
    world = World()
    form = FileForm(file=Upload(sent, None, 1, BytesIO(b"x")), purpose="user_data")
    assert (await world.services.files.create(CALLER, form)).filename == kept


async def test_lists_are_filtered_by_purpose_and_walked_by_pages() -> None:
    world = World()
    ids = [(await world.upload(str(n))).id for n in range(5)]
    other = FileForm(file=Upload("a", None, 1, BytesIO(b"x")), purpose="batch")
    batch = (await world.services.files.create(CALLER, other)).id
    files = world.services.files
    assert [f.id for f in (await files.list(CALLER, FileQuery(purpose="batch"))).data] == [batch]
    page = await files.list(CALLER, FileQuery(purpose="assistants", limit=2))
    assert ([f.id for f in page.data], page.has_more) == (ids[:2:-1], True)
    assert (page.first_id, page.last_id) == (ids[4], ids[3])
    page = await files.list(CALLER, FileQuery(purpose="assistants", limit=3, after=ids[3]))
    assert ([f.id for f in page.data], page.has_more) == (ids[2::-1], False)
    assert (await files.list(CALLER, FileQuery(purpose="vision"))).first_id is None


async def test_a_stranger_sees_a_file_as_missing() -> None:
    world = World()
    made = await world.upload("some text")
    files = world.services.files
    refusals: list[str] = []
    for caller, file_id in ((STRANGER, made.id), (CALLER, made.id + "0")):
        for act in (files.retrieve, files.content, files.delete):
            with pytest.raises(NotFoundError) as refused:
                await act(caller, file_id)
            refusals.append(str(refused.value).replace(file_id, "ID"))
    assert len(set(refusals)) == 1
    assert (await files.list(STRANGER, FileQuery())).data == []


async def test_a_deleted_file_is_gone_from_everywhere() -> None:
    world = World()
    made = await world.upload("some text")
    stores = [await world.services.vector_stores.create(CALLER, VectorStoreBody(file_ids=[made.id])) for _ in range(2)]
    await world.settle()
    deleted = await world.services.files.delete(CALLER, made.id)
    assert FileDeleted.model_validate_json(deleted.model_dump_json(), strict=True).deleted
    for store in stores:
        assert await world.texts(store.id) == []
        assert (await world.services.vector_stores.retrieve(CALLER, store.id)).file_counts.total == 0
    with pytest.raises(NotFoundError):
        await world.services.files.retrieve(CALLER, made.id)
    with pytest.raises(NotFoundError):
        await world.blobs.head(FILES, f"acme/{made.id}")
    await world.settle()


async def test_a_file_whose_content_has_gone_is_missing() -> None:
    world = World()
    made = await world.upload("some text")
    await world.blobs.delete(FILES, f"acme/{made.id}")
    with pytest.raises(NotFoundError, match="No file"):
        await world.services.files.content(CALLER, made.id)


async def test_a_dropped_file_is_read_and_deleted_like_any_other() -> None:
    world = World()
    await world.drop("acme/kb/a.txt", "some text")
    await world.settle()
    (file,) = (await world.services.files.list(CALLER, FileQuery())).data
    download = await world.services.files.content(CALLER, file.id)
    assert b"".join([piece async for piece in download.content]) == b"some text"
    await world.services.files.delete(CALLER, file.id)
    await world.announce("acme/kb/a.txt")
    await world.settle()
    assert await world.texts((await world.only_store()).id) == []


async def test_a_file_deleted_twice_at_once_is_deleted() -> None:
    world = World()
    made = await world.upload("some text")

    from tests.unit.retrieval.world import Fuse, Meanwhile

    world.blobs = Meanwhile(world.blobs, "delete", lambda: world.services.files.delete(CALLER, made.id))
    assert (await world.process(Fuse()).files.delete(CALLER, made.id)).deleted
