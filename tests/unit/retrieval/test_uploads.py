"""Files that come in parts, or expire, and the ranges of them that are read."""

import contextlib
import hashlib
from io import BytesIO

import pytest
from openai.types import Upload as SeenUpload

from shared.errors import ConflictError, InvalidRequestError, NotFoundError, RangeError, TooLargeError
from shared.ports.keys import Caller
from shared.wire.files import CompletionBody, FileExpiry, FileForm, FileQuery, PartForm, UploadBody
from shared.wire.uploads import Upload
from tests.unit.retrieval.world import CALLER, TENANT, Fuse, Killed, World

STRANGER = Caller("zeta", "key-2")


def part(raw: bytes) -> PartForm:
    return PartForm(data=Upload("part", None, len(raw), BytesIO(raw)))


async def begun(world: World, *parts: bytes, size: int | None = None) -> tuple[str, list[str]]:
    total = sum(map(len, parts)) if size is None else size
    body = UploadBody(bytes=total, filename="../a.txt", mime_type="text/plain", purpose="assistants")
    uploads = world.services.uploads
    upload = await uploads.create(CALLER, body)
    return upload.id, [(await uploads.add(CALLER, upload.id, part(raw))).id for raw in parts]


async def read(world: World, file_id: str, **headers: str) -> bytes:
    return b"".join([piece async for piece in (await world.services.files.content(CALLER, file_id, headers)).content])


class TestUploads:
    async def test_parts_become_a_file_in_the_order_that_is_asked_for(self) -> None:
        world = World()
        upload_id, (second, first) = await begun(world, b"B" * 1_500_000, b"A" * 10)
        whole = b"A" * 10 + b"B" * 1_500_000
        body = CompletionBody(part_ids=[first, second], md5=hashlib.md5(whole).hexdigest().upper())
        made = await world.services.uploads.complete(CALLER, upload_id, body)
        seen = SeenUpload.model_validate_json(made.model_dump_json())
        assert (seen.status, seen.filename, seen.bytes) == ("completed", "a.txt", len(whole))
        assert seen.file is not None
        assert await read(world, seen.file.id) == whole
        assert await world.services.uploads.complete(CALLER, upload_id, body) == made

    @pytest.mark.parametrize("steps", range(1, 24))
    async def test_a_completion_that_dies_anywhere_ends_well_when_repeated(self, steps: int) -> None:
        world = World()
        upload_id, ids = await begun(world, b"one", b"two")
        body = CompletionBody(part_ids=ids, md5=hashlib.md5(b"onetwo").hexdigest())
        with contextlib.suppress(Killed):
            await world.process(Fuse(steps)).uploads.complete(CALLER, upload_id, body)
        made = await world.services.uploads.complete(CALLER, upload_id, body)
        assert made.file is not None
        assert await read(world, made.file.id) == b"onetwo"
        assert len((await world.files.list(TENANT)).items) == 1

    async def test_bytes_and_checksum_must_match_and_may_then_be_put_right(self) -> None:
        world = World()
        upload_id, ids = await begun(world, b"one", b"two")
        uploads, files = world.services.uploads, world.services.files
        with pytest.raises(InvalidRequestError, match="have 3 bytes together; the upload was to have 6"):
            await uploads.complete(CALLER, upload_id, CompletionBody(part_ids=ids[:1]))
        wrong = CompletionBody(part_ids=ids, md5=hashlib.md5(b"twoone").hexdigest())
        with pytest.raises(InvalidRequestError, match="MD5") as refused:
            await uploads.complete(CALLER, upload_id, wrong)
        assert refused.value.code == "checksum_mismatch"
        assert (await files.list(CALLER, FileQuery())).data == []
        right = CompletionBody(part_ids=ids[::-1], md5=wrong.md5)
        made = await uploads.complete(CALLER, upload_id, right)
        assert made.file is not None
        assert await read(world, made.file.id) == b"twoone"

    async def test_a_part_of_another_upload_or_named_twice_is_refused(self) -> None:
        world = World()
        upload_id, ids = await begun(world, b"one", b"two")
        _, (foreign,) = await begun(world, b"two")
        uploads = world.services.uploads
        for wrong in (foreign, "part_none"):
            with pytest.raises(NotFoundError, match=f"No part {wrong!r}"):
                await uploads.complete(CALLER, upload_id, CompletionBody(part_ids=[ids[0], wrong]))
        with pytest.raises(InvalidRequestError, match="twice"):
            await uploads.complete(CALLER, upload_id, CompletionBody(part_ids=[ids[0], ids[0]]))

    @pytest.mark.parametrize(("raw", "error"), [(b"", InvalidRequestError), (b"1234567", TooLargeError)])
    async def test_a_part_is_neither_empty_nor_larger_than_the_upload(
        self, raw: bytes, error: type[InvalidRequestError]
    ) -> None:
        world = World()
        upload_id, _ = await begun(world, size=6)
        with pytest.raises(error, match=f"has {len(raw)} bytes; 1 to 6"):
            await world.services.uploads.add(CALLER, upload_id, part(raw))

    async def test_while_it_is_being_made_in_one_order_another_is_a_conflict(self) -> None:
        world = World()
        upload_id, ids = await begun(world, b"one", b"two")
        fuse = Fuse(15)  # in the middle of it
        with pytest.raises(Killed):
            await world.process(fuse).uploads.complete(CALLER, upload_id, CompletionBody(part_ids=ids))
        with pytest.raises(ConflictError, match="from other parts"):
            await world.services.uploads.complete(CALLER, upload_id, CompletionBody(part_ids=ids[::-1]))

    async def test_what_is_cancelled_or_expired_takes_no_part_and_leaves_nothing(self) -> None:
        world = World()
        cancelled, ids = await begun(world, b"one")
        uploads = world.services.uploads
        assert (await uploads.cancel(CALLER, cancelled)).status == "cancelled"
        expired, _ = await begun(world, b"one")
        world.clock.advance(3600)
        for upload_id, status in ((cancelled, "cancelled"), (expired, "expired")):
            for call in (
                uploads.add(CALLER, upload_id, part(b"one")),
                uploads.complete(CALLER, upload_id, CompletionBody(part_ids=ids)),
                uploads.cancel(CALLER, upload_id),
            ):
                with pytest.raises(InvalidRequestError, match=f"is {status}, not pending"):
                    await call
        await world.services.rounds.run()
        assert (await world.uploads.list(TENANT)).items == (await world.upload_parts.list(TENANT)).items == ()

    async def test_the_file_outlives_its_upload(self) -> None:
        world = World()
        upload_id, ids = await begun(world, b"one")
        made = await world.services.uploads.complete(CALLER, upload_id, CompletionBody(part_ids=ids))
        world.clock.advance(3600)
        await world.services.rounds.run()
        assert (await world.uploads.list(TENANT)).items == ()
        assert made.file is not None
        assert await read(world, made.file.id) == b"one"

    async def test_an_upload_is_missing_to_strangers(self) -> None:
        world = World()
        upload_id, ids = await begun(world, b"one")
        uploads = world.services.uploads
        for call in (
            uploads.add(STRANGER, upload_id, part(b"one")),
            uploads.complete(STRANGER, upload_id, CompletionBody(part_ids=ids)),
            uploads.cancel(STRANGER, upload_id),
        ):
            with pytest.raises(NotFoundError, match="No upload"):
                await call


class TestExpiry:
    async def test_a_file_is_gone_when_its_time_is_over_and_deleted_by_the_timer(self) -> None:
        world = World()
        form = FileForm(
            file=Upload("a.txt", None, 4, BytesIO(b"text")), purpose="user_data", expires_after=FileExpiry(seconds=3600)
        )
        files = world.services.files
        made = await files.create(CALLER, form)
        assert made.expires_at == made.created_at + 3600
        world.clock.advance(3600)
        for call in (files.retrieve(CALLER, made.id), files.content(CALLER, made.id), files.delete(CALLER, made.id)):
            with pytest.raises(NotFoundError):
                await call
        assert (await files.list(CALLER, FileQuery())).data == []
        await world.services.rounds.run()
        assert (await world.files.list(TENANT)).items == ()
        assert (await world.blobs.list("files")).items == ()


class TestRanges:
    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ("bytes=0-0", b"0"),
            ("bytes=2-4", b"234"),
            ("bytes=7-", b"789"),
            ("bytes=-3", b"789"),
            ("bytes=-99", b"0123456789"),
            ("bytes=8-99", b"89"),
            ("bytes=4-2", b"0123456789"),
            ("bytes=0-1,3-4", b"0123456789"),
            ("lines=1-2", b"0123456789"),
            ("bytes=-", b"0123456789"),
        ],
    )
    async def test_a_single_range_is_served_and_anything_else_is_the_whole(self, asked: str, expected: bytes) -> None:
        world = World()
        made = await world.upload("0123456789")
        assert await read(world, made.id, range=asked) == expected

    @pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-11", "bytes=-0"])
    async def test_a_range_behind_the_end_says_how_much_there_is(self, asked: str) -> None:
        world = World()
        made = await world.upload("0123456789")
        with pytest.raises(RangeError) as refused:
            await read(world, made.id, range=asked)
        assert refused.value.headers == {"content-range": "bytes */10"}

    async def test_a_range_of_another_version_is_the_whole(self) -> None:
        world = World()
        made = await world.upload("0123456789")
        etag = (await world.services.files.content(CALLER, made.id)).etag
        assert await read(world, made.id, **{"range": "bytes=1-1", "if-range": etag}) == b"1"
        assert await read(world, made.id, **{"range": "bytes=1-1", "if-range": '"0xFF"'}) == b"0123456789"
