"""What a tenant's quota lets in, and what gives room again."""

import contextlib

import pytest

from shared.errors import QuotaError
from shared.ports.policies import PolicyRecord
from shared.wire.files import CompletionBody, UploadBody
from tests.unit.retrieval.test_uploads import begun, part
from tests.unit.retrieval.world import CALLER, TENANT, Fuse, Killed, Meanwhile, World


async def limited(storage_bytes: int) -> World:
    world = World()
    await world.policies.create(PolicyRecord(TENANT, TENANT, storage_bytes=storage_bytes))
    return world


async def used(world: World) -> int:
    return await world.stored_bytes.used(TENANT)


async def test_a_file_without_room_is_refused_before_a_byte_of_it_is_kept() -> None:
    world = await limited(10)
    first = await world.upload("123456")
    with pytest.raises(QuotaError, match="6 of 10 bytes are used, and this takes 5 more"):
        await world.upload("12345")
    assert len((await world.blobs.list("files")).items) == 1
    await world.services.files.delete(CALLER, first.id)
    await world.upload("1234567890")
    assert await used(world) == 10


async def test_of_two_files_at_once_that_fit_only_alone_one_is_refused_and_leaves_nothing() -> None:
    world = await limited(10)
    blobs = world.blobs
    world.blobs = Meanwhile(blobs, "upload", lambda: world.upload("1234567", "faster.txt"))
    with pytest.raises(QuotaError):
        await world.process(Fuse()).files.create(CALLER, world.form("1234567", "slower.txt"))
    assert [one.value.filename for one in (await world.files.list(TENANT)).items] == ["faster.txt"]
    assert len((await blobs.list("files")).items) == 1


async def test_an_upload_is_refused_at_its_declared_size_and_then_part_by_part() -> None:
    world = await limited(10)
    uploads = world.services.uploads
    with pytest.raises(QuotaError, match="this takes 11 more"):
        await uploads.create(CALLER, UploadBody(bytes=11, filename="a", mime_type="text/plain", purpose="user_data"))
    (second, _), (first, _) = await begun(world, size=10), await begun(world, b"123456", size=10)
    with pytest.raises(QuotaError, match="6 of 10 bytes"):
        await uploads.add(CALLER, second, part(b"12345"))
    await uploads.cancel(CALLER, first)
    await uploads.add(CALLER, second, part(b"12345"))


async def test_a_quota_that_an_upload_fills_lets_it_be_completed_and_counts_it_once() -> None:
    world = await limited(6)
    upload_id, ids = await begun(world, b"one", b"two")
    await world.services.uploads.complete(CALLER, upload_id, CompletionBody(part_ids=ids))
    assert await used(world) == 6


@pytest.mark.parametrize("steps", range(1, 30, 2))
async def test_wherever_a_completion_dies_its_bytes_count_once_in_the_end(steps: int) -> None:
    world = World()
    upload_id, ids = await begun(world, b"one", b"two")
    body = CompletionBody(part_ids=ids)
    with contextlib.suppress(Killed):
        await world.process(Fuse(steps)).uploads.complete(CALLER, upload_id, body)
    await world.services.uploads.complete(CALLER, upload_id, body)
    world.clock.advance(3600)
    await world.services.rounds.run()
    assert await used(world) == 6


async def test_what_expires_gives_room_again() -> None:
    world = await limited(10)
    await begun(world, b"123456", size=10)
    assert await used(world) == 6
    world.clock.advance(3600)
    await world.services.rounds.run()
    assert await used(world) == 0


async def test_dropped_blobs_count_and_are_never_refused() -> None:
    world = await limited(10)
    await world.drop(f"{TENANT}/kb/a.txt", "12345678901")
    await world.settle()
    assert await used(world) == 11
    with pytest.raises(QuotaError):
        await world.upload("1")
    await world.drop(f"{TENANT}/kb/a.txt", "123")
    await world.settle()
    assert await used(world) == 3
    await world.remove(f"{TENANT}/kb/a.txt")
    await world.settle()
    assert await used(world) == 0
