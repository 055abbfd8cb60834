"""Any order of events, duplicates and crashes ends in the index that a clean run over the final blob makes.

The parameter in a test's name is its seed. `SEEDS=1000` tries that many.
"""

import asyncio
import os
import random
from dataclasses import replace

import pytest

from shared.ports.chunks import Chunk
from shared.ports.records import DocumentRecord
from tests.unit.retrieval.world import CALLER, TENANT, Fuse, Killed, Message, World

NAME = "acme/kb/a.txt"
SEEDS = range(int(os.environ.get("SEEDS", "20")))


def content_of(version: int) -> str:
    """Each paragraph says which version it is of; versions differ in length, so that tails show."""
    return "\n\n".join(f"shared words, paragraph {i} version-{version}." for i in range(1 + version * 3 % 7))


def comparable(chunk: Chunk) -> Chunk:
    return replace(chunk, id="", store_id="", document_id="", generation=0)


async def clean_run(content: str | None) -> list[Chunk]:
    world = World()
    if content is None:
        return []
    await world.drop(NAME, content)
    await world.settle()
    return [comparable(chunk) for chunk in await world.visible(await world.only_document())]


async def assert_same_as_a_clean_run(world: World, content: str | None) -> None:
    document = await world.only_document()
    found = [comparable(chunk) for chunk in await world.visible(document)]
    assert found == await clean_run(content)
    assert document.state == ("deleted" if content is None else "ready")
    assert document.chunks == len(found)
    files = (await world.files.list(TENANT)).items
    assert [stored.value.size_bytes for stored in files] == ([] if content is None else [len(content)])
    assert await world.hidden(document) == 0


class Stormy:
    """Delivers messages several at once, in any order, twice, to processes that die; until told to calm down."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        self.begun: list[asyncio.Task[None]] = []

    async def deliver_some(self) -> None:
        messages = await self.world.queues.take("documents", limit=4, hide_s=0)
        self.rng.shuffle(messages)
        for message in messages[: self.rng.randrange(1, 4)]:
            self.begun.append(asyncio.create_task(self._deliver(message)))

    async def _deliver(self, message: Message) -> None:
        steps = self.rng.choice([None, self.rng.randrange(60)])
        process = self.world.process(Fuse(steps, random.Random(self.rng.random())))
        try:
            await self.world.deliver(message, process)
        except Killed:
            return  # the message is visible again, under the same id
        except Exception as error:
            if "gone or was taken" not in str(error):
                raise

    async def calm(self) -> None:
        await asyncio.gather(*self.begun)
        await self.world.settle()


@pytest.mark.parametrize("seed", SEEDS)
async def test_any_order_of_events_duplicates_and_crashes_ends_like_a_clean_run(seed: int) -> None:
    rng, world = random.Random(seed), World()
    storm = Stormy(world, rng)
    content: str | None = None
    for version in range(12):
        match rng.choice(["write", "write", "delete", "duplicate", "wait"]):
            case "write":
                content = content_of(version)
                await world.drop(NAME, content)
            case "delete":
                content = None
                await world.remove(NAME)
            case "duplicate":
                await world.announce(NAME)
            case _:
                world.clock.advance(rng.randrange(90))
        await storm.deliver_some()
        await asyncio.sleep(0)
    content = content or content_of(0)
    await world.drop(NAME, content)
    if seed % 3 == 0:
        await storm.deliver_some()
        await world.remove(NAME)
        content = None
    await storm.calm()
    if (await world.documents.list(TENANT)).items:
        await assert_same_as_a_clean_run(world, content)


async def test_a_crash_at_any_step_is_made_good_by_the_redelivery() -> None:
    first, second = content_of(2), content_of(3)
    for steps in range(1000):
        world = World()
        await world.drop(NAME, first)
        await world.settle()
        await world.drop(NAME, second)
        (message,) = await world.queues.take("documents", hide_s=0)
        process = world.process(Fuse(steps))
        try:
            await world.deliver(message, process)
        except Killed:
            assert await versions_found(world, await world.only_document()) in ({2}, {3})
            (message,) = await world.queues.take("documents", hide_s=0)
            await world.deliver(message, world.services)
            assert world.queues.waiting("documents") == [], "the same message takes over at once"
            await assert_same_as_a_clean_run(world, second)
            continue
        assert steps > 40, "every step of indexing was tried"
        return
    raise AssertionError("Indexing never ended.")


async def test_a_crash_at_any_step_of_a_deletion_is_made_good_by_the_redelivery() -> None:
    for steps in range(1000):
        world = World()
        await world.drop(NAME, content_of(2))
        await world.settle()
        await world.remove(NAME)
        (message,) = await world.queues.take("documents", hide_s=0)
        try:
            await world.deliver(message, world.process(Fuse(steps)))
        except Killed:
            await world.settle()
            await assert_same_as_a_clean_run(world, None)
            continue
        assert steps > 10, "every step of the deletion was tried"
        return
    raise AssertionError("The deletion never ended.")


async def test_a_crash_at_any_step_of_taking_a_file_out_is_made_good() -> None:
    for steps in range(1000):
        world = World()
        await world.drop(NAME, content_of(2))
        await world.settle()
        document = await world.only_document()
        process = world.process(Fuse(steps))
        try:
            await process.attachments.detach(CALLER, document.store_id, document.file_id)
        except Killed:
            await world.settle()
            document = await world.only_document()
            assert (document.state == "deleted") == (await world.visible(document) == [])
            assert await world.hidden(document) == 0
            continue
        assert steps > 5, "every step was tried"
        return
    raise AssertionError("It never ended.")


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_search_sees_exactly_one_whole_version_of_a_published_document_at_every_moment(seed: int) -> None:
    rng, world = random.Random(seed), World()
    await world.drop(NAME, content_of(0))
    await world.settle()
    document = await world.only_document()
    storm = Stormy(world, rng)
    for version in range(1, 8):
        await world.drop(NAME, content_of(version))
        await storm.deliver_some()
        world.clock.advance(rng.randrange(60))
        for _ in range(rng.randrange(40)):
            assert len(await versions_found(world, document)) == 1
            await asyncio.sleep(0)
    await storm.calm()
    assert await versions_found(world, document) == {7}


async def versions_found(world: World, document: DocumentRecord) -> set[int]:
    """The versions that a search finds now, each of them whole."""
    found = "".join(await world.texts(document.store_id, "shared words paragraph"))
    versions = {version for version in range(12) if f"version-{version}." in found}
    for version in versions:
        assert found.count(f"version-{version}.") == content_of(version).count("version-")
    return versions


@pytest.mark.parametrize("seed", SEEDS)
async def test_deleting_a_store_amid_drops_and_crashes_leaves_nothing_of_it_behind(seed: int) -> None:
    rng, world = random.Random(seed), World()
    await world.drop(NAME, content_of(1))
    await world.settle()
    store = await world.only_store()
    storm = Stormy(world, rng)
    await world.drop(NAME, content_of(2))
    await storm.deliver_some()
    for _ in range(rng.randrange(30)):
        await asyncio.sleep(0)
    deletion = asyncio.create_task(
        world.process(Fuse(yields=random.Random(seed))).vector_stores.delete(CALLER, store.id)
    )
    await storm.deliver_some()
    await deletion
    await storm.calm()
    await world.drop(NAME, content_of(3))
    await world.settle()
    now = await world.only_store()
    assert (now.name, now.id != store.id) == ("kb", True)
    for stored in (await world.documents.list(TENANT)).items:
        document = stored.value
        assert (document.state == "ready") == (document.store_id == now.id)
        assert len(await world.visible(document)) == (
            len(await clean_run(content_of(3))) if document.state == "ready" else 0
        )
        assert await world.hidden(document) == 0
