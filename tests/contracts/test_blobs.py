"""What every `Blobs` adapter promises, and what the one for Azure Storage adds."""

import asyncio
import io
import tempfile
import tracemalloc
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import pytest
from azure.storage.blob.aio import BlobServiceClient

from shared.adapters.memory.blobs import MemoryBlobs
from shared.adapters.storage.auth import API_VERSION, Bearer, StorageAccount
from shared.adapters.storage.blobs import PIECE_BYTES, StorageBlobs
from shared.errors import CapacityError, NotFoundError, PlatformError, PreconditionFailedError
from shared.ports.blobs import Blobs
from tests.contracts.fault_server import Fault, FaultServer


@pytest.fixture
async def storage(storage_connection: str) -> AsyncIterator[StorageBlobs]:
    blobs = StorageBlobs(StorageAccount.parse(storage_connection))
    yield blobs
    await blobs.close()


@pytest.fixture(params=["memory", "storage"])
def blobs(request: pytest.FixtureRequest) -> Blobs:
    return MemoryBlobs() if request.param == "memory" else request.getfixturevalue("storage")


@pytest.fixture
def container() -> str:
    return f"c-{uuid.uuid4().hex}"


@pytest.fixture
def source() -> BinaryIO:
    return io.BytesIO(b"first version")


async def content(blobs: Blobs, container: str, name: str) -> bytes:
    return b"".join([piece async for piece in blobs.read(container, name)])


async def test_azure_storage_gives_a_blob_another_etag_when_only_its_metadata_changes(
    storage: StorageBlobs, storage_connection: str, container: str, source: BinaryIO
) -> None:
    before = await storage.upload(container, "a", source)
    async with BlobServiceClient.from_connection_string(storage_connection, api_version=API_VERSION) as service:
        await service.get_blob_client(container, "a").set_blob_metadata({"acl": "hr"})
    after = await storage.head(container, "a")
    assert (after.metadata, after.etag != before.etag) == ({"acl": "hr"}, True)


class TestEveryAdapter:
    async def test_what_is_uploaded_is_what_head_and_read_tell(
        self, blobs: Blobs, container: str, source: BinaryIO
    ) -> None:
        uploaded = await blobs.upload(container, "t/a", source, content_type="text/plain")
        assert await blobs.head(container, "t/a") == uploaded
        assert (uploaded.size_bytes, uploaded.content_type) == (13, "text/plain")
        assert await content(blobs, container, "t/a") == b"first version"

    async def test_metadata_comes_back_and_a_change_of_it_is_a_change_of_the_blob(
        self, blobs: Blobs, container: str, source: BinaryIO
    ) -> None:
        first = await blobs.upload(container, "a", source, metadata={"acl": "hr, legal", "attr_Year": "2024"})
        assert (await blobs.head(container, "a")).metadata == {"acl": "hr, legal", "attr_Year": "2024"}
        source.seek(0)
        second = await blobs.upload(container, "a", source, metadata={"acl": "hr"})
        assert (await blobs.head(container, "a")) == second
        assert first.etag != second.etag

    @pytest.mark.parametrize(("start", "end"), [(0, 5), (6, 13), (6, 99), (3, 4)])
    async def test_a_range_of_bytes_is_downloaded_alone_and_of_one_version(
        self, blobs: Blobs, container: str, source: BinaryIO, tmp_path: Path, start: int, end: int
    ) -> None:
        uploaded = await blobs.upload(container, "a", source)
        target = tmp_path / "range"
        await blobs.download(container, "a", target, if_match=uploaded.etag, byte_range=(start, end))
        assert target.read_bytes() == b"first version"[start:end]
        with pytest.raises(PreconditionFailedError):
            await blobs.download(container, "a", target, if_match='"0xFF"', byte_range=(start, end))

    @pytest.mark.parametrize(("start", "end"), [(0, 5), (6, 13), (3, 4)])
    async def test_a_range_of_bytes_is_read_alone(
        self, blobs: Blobs, container: str, source: BinaryIO, start: int, end: int
    ) -> None:
        await blobs.upload(container, "a", source)
        pieces = [piece async for piece in blobs.read(container, "a", byte_range=(start, end))]
        assert b"".join(pieces) == b"first version"[start:end]

    async def test_blocks_become_a_blob_at_once_in_the_order_that_is_asked_for(
        self, blobs: Blobs, container: str
    ) -> None:
        for block, text in (("c", b"third"), ("a", b"first, "), ("b", b"second, "), ("d", b"never")):
            await blobs.stage(container, "t/x", block, text)
        with pytest.raises(NotFoundError):
            await blobs.head(container, "t/x")
        made = await blobs.commit(container, "t/x", ["a", "b", "c"], content_type="text/plain")
        assert (made.size_bytes, made.content_type) == (20, "text/plain")
        assert await content(blobs, container, "t/x") == b"first, second, third"
        await blobs.commit(container, "t/x", ["c", "b", "a"])
        assert await content(blobs, container, "t/x") == b"thirdsecond, first, "

    async def test_a_block_that_never_came_or_was_dropped_changes_nothing(self, blobs: Blobs, container: str) -> None:
        for block in ("a", "b"):
            await blobs.stage(container, "x", block, block.encode())
        await blobs.commit(container, "x", ["a"])
        for missing in ("b", "z"):
            with pytest.raises(NotFoundError):
                await blobs.commit(container, "x", ["a", missing])
        assert await content(blobs, container, "x") == b"a"

    async def test_a_block_that_is_staged_again_is_replaced(self, blobs: Blobs, container: str) -> None:
        for text in (b"old", b"new"):
            await blobs.stage(container, "x", "a", text)
        await blobs.commit(container, "x", ["a"])
        assert await content(blobs, container, "x") == b"new"

    async def test_names_hold_any_characters(self, blobs: Blobs, container: str, source: BinaryIO) -> None:
        name = "acme/kb/Über uns & 100 % (v1) + #1?.pdf"
        await blobs.upload(container, name, source)
        assert await content(blobs, container, name) == b"first version"

    async def test_an_upload_replaces_what_was_there_under_a_new_etag(
        self, blobs: Blobs, container: str, source: BinaryIO
    ) -> None:
        first = await blobs.upload(container, "a", source)
        second = await blobs.upload(container, "a", io.BytesIO(b"second"))
        assert first.etag != second.etag
        assert await content(blobs, container, "a") == b"second"

    async def test_a_file_is_written_from_where_it_stands(self, blobs: Blobs, container: str, source: BinaryIO) -> None:
        source.seek(6)
        uploaded = await blobs.upload(container, "a", source)
        assert uploaded.size_bytes == 7
        assert await content(blobs, container, "a") == b"version"

    async def test_an_empty_file_is_a_blob(self, blobs: Blobs, container: str, tmp_path: Path) -> None:
        uploaded = await blobs.upload(container, "a", io.BytesIO())
        await blobs.download(container, "a", tmp_path / "target", if_match=uploaded.etag)
        assert uploaded.size_bytes == 0
        assert (tmp_path / "target").read_bytes() == b""
        assert await content(blobs, container, "a") == b""

    async def test_a_file_of_several_pieces_arrives_whole(self, blobs: Blobs, container: str, tmp_path: Path) -> None:
        whole = bytes(range(256)) * (PIECE_BYTES // 128) + b"tail"
        uploaded = await blobs.upload(container, "a", io.BytesIO(whole))
        await blobs.download(container, "a", tmp_path / "target", if_match=uploaded.etag)
        assert (tmp_path / "target").read_bytes() == whole
        assert await content(blobs, container, "a") == whole

    async def test_the_etag_of_head_lets_a_download_through_and_an_old_one_does_not(
        self, blobs: Blobs, container: str, source: BinaryIO, tmp_path: Path
    ) -> None:
        old = await blobs.upload(container, "a", source)
        await blobs.upload(container, "a", io.BytesIO(b"second version"))
        new = await blobs.head(container, "a")
        await blobs.download(container, "a", tmp_path / "target", if_match=new.etag)
        with pytest.raises(PreconditionFailedError):
            await blobs.download(container, "a", tmp_path / "target", if_match=old.etag)

    async def test_a_blob_that_is_not_there_is_not_found(
        self, blobs: Blobs, container: str, source: BinaryIO, tmp_path: Path
    ) -> None:
        await blobs.upload(container, "other", source)
        with pytest.raises(NotFoundError):
            await blobs.head(container, "a")
        with pytest.raises(NotFoundError):
            await blobs.download(container, "a", tmp_path / "target", if_match='"0x1"')
        with pytest.raises(NotFoundError):
            await content(blobs, container, "a")

    async def test_a_container_that_is_not_there_is_not_found_either(self, blobs: Blobs, container: str) -> None:
        with pytest.raises(NotFoundError):
            await blobs.head(container, "a")

    async def test_deleting_twice_is_fine(self, blobs: Blobs, container: str, source: BinaryIO) -> None:
        await blobs.upload(container, "a", source)
        await blobs.delete(container, "a")
        await blobs.delete(container, "a")
        with pytest.raises(NotFoundError):
            await blobs.head(container, "a")

    async def test_blobs_are_listed_in_order_with_what_head_tells(self, blobs: Blobs, container: str) -> None:
        for name in ("b/2", "a/1", "b/1 ü"):
            await blobs.upload(container, name, io.BytesIO(name.encode()))
        page = await blobs.list(container)
        assert page.following is None
        assert [blob.name for blob in page.items] == ["a/1", "b/1 ü", "b/2"]
        for blob in page.items:
            head = await blobs.head(container, blob.name)
            assert (blob.etag, blob.size_bytes) == (head.etag, head.size_bytes)

    async def test_a_list_goes_on_where_its_page_ended_and_keeps_to_its_prefix(
        self, blobs: Blobs, container: str
    ) -> None:
        for name in ("a/1", "b/1", "b/2", "b/3", "b/4", "b/5", "c/1"):
            await blobs.upload(container, name, io.BytesIO())
        pages = [await blobs.list(container, prefix="b/", limit=2)]
        while pages[-1].following is not None:
            await blobs.upload(container, "b/0", io.BytesIO())  # before where it stands
            pages.append(await blobs.list(container, prefix="b/", limit=2, following=pages[-1].following))
        assert [[blob.name for blob in page.items] for page in pages] == [["b/1", "b/2"], ["b/3", "b/4"], ["b/5"]]

    async def test_nothing_is_listed_where_nothing_is(self, blobs: Blobs, container: str) -> None:
        assert (await blobs.list(container)).items == ()
        await blobs.upload(container, "a", io.BytesIO())
        assert (await blobs.list(container, prefix="b")).items == ()


class TestAzureStorage:
    async def test_many_uploads_into_a_missing_container_all_succeed(
        self, storage: StorageBlobs, container: str
    ) -> None:
        await asyncio.gather(*(storage.upload(container, str(n), io.BytesIO(b"%d" % n)) for n in range(6)))
        assert [await content(storage, container, str(n)) for n in range(6)] == [b"%d" % n for n in range(6)]

    async def test_an_etag_without_quotes_as_events_carry_it_matches_too(
        self, storage: StorageBlobs, container: str, source: BinaryIO, tmp_path: Path
    ) -> None:
        uploaded = await storage.upload(container, "a", source)
        assert uploaded.etag[0] == uploaded.etag[-1] == '"'
        await storage.download(container, "a", tmp_path / "target", if_match=uploaded.etag.strip('"'))

    async def test_a_blob_with_a_snapshot_is_deleted(
        self, storage: StorageBlobs, storage_connection: str, container: str, source: BinaryIO
    ) -> None:
        await storage.upload(container, "a", source)
        async with BlobServiceClient.from_connection_string(storage_connection, api_version=API_VERSION) as service:
            await service.get_blob_client(container, "a").create_snapshot()
        await storage.delete(container, "a")
        with pytest.raises(NotFoundError):
            await storage.head(container, "a")

    async def test_memory_does_not_grow_with_the_file(
        self, storage: StorageBlobs, container: str, tmp_path: Path
    ) -> None:
        with tempfile.TemporaryFile() as file:
            file.truncate(12 * PIECE_BYTES)
            tracemalloc.start()
            uploaded = await storage.upload(container, "a", file)
        await storage.download(container, "a", tmp_path / "target", if_match=uploaded.etag)
        async for _ in storage.read(container, "a"):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 5 * PIECE_BYTES

    async def test_the_default_identity_is_used_where_there_is_no_key_and_is_closed(self) -> None:
        bearer = Bearer()
        assert type(bearer.credential()).__name__ == "DefaultAzureCredential"
        assert bearer.credential() is bearer.credential()
        await bearer.close()

    async def test_closing_what_was_never_used_is_fine(self) -> None:
        await StorageBlobs(StorageAccount.parse("https://acct.blob.core.windows.net")).close()


class TestFaults:
    async def head(self, *faults: Fault) -> None:
        async with FaultServer() as server:
            server.script(*faults)
            blobs = StorageBlobs(StorageAccount("acct", server.url + "/acct", server.url, key="a2V5"))
            try:
                await blobs.head("c", "a")
            finally:
                await blobs.close()

    async def test_a_service_that_stays_busy_is_a_lack_of_capacity(self) -> None:
        with pytest.raises(CapacityError, match="503"):
            await self.head(*[Fault(503)] * 3)

    async def test_a_refusal_is_our_fault(self) -> None:
        with pytest.raises(PlatformError, match="403") as caught:
            await self.head(Fault(403))
        assert not isinstance(caught.value, CapacityError)

    async def test_a_connection_that_always_drops_is_a_lack_of_capacity(self) -> None:
        with pytest.raises(CapacityError, match="cannot be reached"):
            await self.head(*[Fault(0)] * 6)

    async def test_a_container_that_cannot_be_made_refuses_the_upload(self, source: BinaryIO) -> None:
        async with FaultServer() as server:
            server.script(Fault(404), Fault(403))
            blobs = StorageBlobs(StorageAccount("acct", server.url + "/acct", server.url, key="a2V5"))
            with pytest.raises(PlatformError, match="403"):
                await blobs.upload("c", "a", source)
            await blobs.close()
