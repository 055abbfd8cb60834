"""Large documents, made in parts: in any order, twice, by processes that die, and overtaken in the middle."""

import asyncio
import os
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import OverloadedError, PlatformError, RateLimitError, UpstreamError
from shared.ports.chunks import STRIDE, Chunk
from shared.ports.records import LastError
from shared.wire.messages import BlobMessage, ParkedMessage, parse_document_part
from shared.wire.vector_stores import AttachBody, VectorStoreBody
from tests.unit.retrieval.test_embedding import LimitedEmbedder
from tests.unit.retrieval.test_indexing import FailingEmbedder
from tests.unit.retrieval.world import CALLER, Fuse, Killed, Message, ParagraphReader, WordsEmbedder, World

NAME = "acme/kb/big.txt"
PARTS = 4
SEEDS = range(int(os.environ.get("SEEDS", "20")))


def big(version: int = 1, paragraphs: int = 20) -> str:
    return "\n\n".join(f"shared words, paragraph {i} version-{version}." for i in range(paragraphs))


def a_world(**fields: object) -> World:
    return World(reader=ParagraphReader(part_paragraphs=5), **fields)  # pyright: ignore[reportArgumentType] -- tests name the fields


async def planned(content: str, **fields: object) -> tuple[World, list[Message]]:
    """A world with a document in parts, none of them begun."""
    world = a_world(**fields)
    await world.drop(NAME, content)
    (message,) = await world.queues.take("documents")
    await world.deliver(message, world.services)
    return world, await world.queues.take("document-parts", hide_s=0)


def comparable(chunks: Sequence[Chunk]) -> list[Chunk]:
    """What does not depend on how, and how often, the document was indexed."""
    return [replace(chunk, id="", store_id="", document_id="", generation=0, ordinal=0) for chunk in chunks]


async def in_one_run(content: str) -> list[Chunk]:
    world = World()
    await world.drop(NAME, content)
    await world.settle()
    return comparable(await world.visible(await world.only_document()))


async def assert_as_in_one_run(world: World, content: str) -> None:
    document = await world.only_document()
    assert comparable(await world.visible(document)) == await in_one_run(content)
    assert (document.state, document.fan_out, document.claim) == ("ready", None, None)
    assert (document.chunks, document.attempts, document.last_error) == (content.count("version-"), 0, None)
    assert world.queues.waiting("documents") == world.queues.waiting("document-parts") == []
    assert await world.hidden(document) == 0


async def test_parts_make_the_document_that_one_run_would() -> None:
    world, messages = await planned(big())
    assert len(messages) == PARTS
    assert (await world.only_document()).state == "embedding"
    await world.settle()
    document = await world.only_document()
    whole = await in_one_run(big())
    assert comparable(await world.visible(document)) == whole
    assert [big()[chunk.char_start : chunk.char_end] for chunk in whole] == [chunk.text for chunk in whole]
    ordinals = [chunk.ordinal for chunk in await world.visible(document)]
    assert ordinals == [part * STRIDE + place for part in range(PARTS) for place in range(5)]
    assert (document.generation, document.chunks, document.tokens) == (1, 20, 100)
    assert {"download", "extract", "embed", "write"} <= set(document.timings_ms)
    await assert_as_in_one_run(world, big())


async def test_a_search_finds_neighbours_of_two_parts_as_one_passage() -> None:
    world, _ = await planned(big())
    await world.settle()
    store_id = (await world.only_document()).store_id
    (passage,) = await world.services.searcher.search(CALLER, [store_id], "shared words", limit=20)
    assert passage.text == big()
    assert (passage.char_start, passage.char_end, len(passage.chunk_ids)) == (0, len(big()), 20)


async def test_the_record_tells_how_far_the_parts_are() -> None:
    world, messages = await planned(big())
    document = await world.only_document()
    store = await world.services.vector_stores.retrieve(CALLER, document.store_id)
    assert (store.status, store.file_counts.parts, store.file_counts.parts_done) == ("in_progress", PARTS, 0)
    for done, message in enumerate(messages[:-1], start=1):
        await world.deliver_part(message, world.services)
        file = await world.services.attachments.retrieve(CALLER, document.store_id, document.file_id)
        assert (file.status, file.progress.state) == ("in_progress", "embedding")
        assert (file.progress.parts, file.progress.parts_done, file.progress.chunks) == (PARTS, done, 5 * done)
    await world.deliver_part(messages[-1], world.services)
    file = await world.services.attachments.retrieve(CALLER, document.store_id, document.file_id)
    assert (file.status, file.progress.state, file.progress.parts) == ("completed", "ready", 0)


async def test_nothing_of_it_is_found_before_the_last_part_is_done_and_the_old_version_answers_meanwhile() -> None:
    world = a_world()
    await world.drop(NAME, "shared words, old version-0.")
    await world.settle()
    await world.drop(NAME, big())
    (message,) = await world.queues.take("documents")
    await world.deliver(message, world.services)
    store = await world.only_store()
    for part in await world.queues.take("document-parts"):
        assert await world.texts(store.id, "shared words") == ["shared words, old version-0."]
        await world.deliver_part(part, world.services)
    assert len(await world.visible(await world.only_document())) == 20


async def test_parts_in_another_order_and_twice_and_at_once_are_counted_once() -> None:
    world, messages = await planned(big())
    twice = [*messages, *messages]
    random.Random(7).shuffle(twice)
    fuses = [Fuse(yields=random.Random(number)) for number in range(len(twice))]
    handlers = [world.process(fuse).parts for fuse in fuses]
    for message in messages:
        await world.queues.delete("document-parts", message.receipt)
    await asyncio.gather(
        *(handler.handle(parse_document_part(one.body), "m") for handler, one in zip(handlers, twice, strict=True))
    )
    await assert_as_in_one_run(world, big())


async def test_a_crash_at_any_step_of_the_plan_is_made_good_by_the_redelivery() -> None:
    for steps in range(1000):
        world = a_world()
        await world.drop(NAME, big())
        (message,) = await world.queues.take("documents", hide_s=0)
        try:
            await world.deliver(message, world.process(Fuse(steps)))
        except Killed:
            await world.settle()
            await assert_as_in_one_run(world, big())
            continue
        assert steps > 20, "every step of planning was tried"
        return
    raise AssertionError("Planning never ended.")


@pytest.mark.parametrize("number", [0, PARTS - 1])
async def test_a_crash_at_any_step_of_a_part_is_made_good_by_its_redelivery(number: int) -> None:
    """The first, and the last, which publishes."""
    for steps in range(1000):
        world, messages = await planned(big())
        for message in messages[:number]:
            await world.deliver_part(message, world.services)
        try:
            await world.deliver_part(messages[number], world.process(Fuse(steps)))
        except Killed:
            embedded = len(world.embedder.texts)
            await world.settle()
            await assert_as_in_one_run(world, big())
            assert len(world.embedder.texts) <= 20 + 2, "at most the batch that was under way is embedded again"
            assert embedded <= len(world.embedder.texts)
            continue
        assert steps > 20, "every step of a part was tried"
        return
    raise AssertionError("The part never ended.")


async def test_a_run_that_was_killed_half_way_embeds_nothing_again() -> None:
    world, messages = await planned(big())
    for message in messages[:2]:
        await world.deliver_part(message, world.services)
    await world.drop(NAME, big() + "\n\nshared words, one more.")
    await world.settle()
    assert len(world.embedder.texts) == 21


async def test_parts_of_an_overtaken_version_do_nothing() -> None:
    world, messages = await planned(big(1))
    await world.deliver_part(messages[0], world.services)
    await world.drop(NAME, big(2))
    (message,) = await world.queues.take("documents")
    await world.deliver(message, world.services)
    embedded = len(world.embedder.texts)
    for message in messages[1:]:
        await world.deliver_part(message, world.services)
    assert len(world.embedder.texts) == embedded
    await world.settle()
    await assert_as_in_one_run(world, big(2))


async def test_a_part_stops_when_its_document_is_overtaken_under_it() -> None:
    world, messages = await planned(big(1, paragraphs=10), lease_s=60)
    gate = asyncio.Event()
    world.cache = _Gated(world.cache, gate)
    under_way = asyncio.create_task(world.deliver_part(messages[0], world.process(Fuse())))
    await asyncio.wait_for(world.cache.reached.wait(), 5)
    await world.remove(NAME)
    (removal,) = await world.queues.take("documents")
    await world.deliver(removal, world.services)
    gate.set()
    await under_way
    document = await world.only_document()
    assert (document.state, await world.visible(document)) == ("deleted", [])
    await world.settle()
    assert await world.hidden(document) == 0


class _Gated:
    """A cache whose first answer waits."""

    def __init__(self, cache: Any, gate: asyncio.Event) -> None:
        self._cache = cache
        self._gate = gate
        self.reached = asyncio.Event()

    async def get(self, *args: object) -> object:
        self.reached.set()
        await self._gate.wait()
        return await self._cache.get(*args)

    async def put(self, *args: object, **kwargs: object) -> None:
        await self._cache.put(*args, **kwargs)


async def test_a_part_whose_blob_has_changed_sees_to_the_new_version_itself() -> None:
    world, messages = await planned(big(1))
    await world.drop(NAME, big(2))
    for waiting in world.queues.waiting("documents"):
        await world.queues.delete("documents", waiting.receipt)  # the event is lost
    for message in messages:
        await world.deliver_part(message, world.services)
    await world.settle()
    await assert_as_in_one_run(world, big(2))


async def test_an_event_while_parts_are_at_work_plans_nothing_anew_unless_none_has_ended_for_long() -> None:
    world, messages = await planned(big())
    await world.services.indexer.handle(BlobMessage(blob_name=NAME), "again")
    assert (await world.only_document()).generation == 1
    for message in messages:
        await world.queues.delete("document-parts", message.receipt)  # as if they were lost
    world.clock.advance(3600)
    await world.services.indexer.handle(BlobMessage(blob_name=NAME), "much later")
    assert (await world.only_document()).generation == 2
    await world.settle()
    await assert_as_in_one_run(world, big())


async def test_other_attributes_while_parts_are_at_work_begin_another_generation_without_a_mixture() -> None:
    world = a_world()
    file = await world.upload(big())
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(file_ids=[file.id]))
    (message,) = await world.queues.take("documents")
    await world.deliver(message, world.services)
    first, *_ = await world.queues.take("document-parts", limit=1)
    await world.deliver_part(first, world.services)
    body = AttachBody(file_id=file.id, attributes={"acl": "hr"})
    await world.services.attachments.attach(CALLER, store.id, body)
    await world.settle()
    document = await world.only_document()
    assert {chunk.acl for chunk in await world.visible(document)} == {("hr",)}
    assert (document.generation, document.chunks, len(world.embedder.texts)) == (2, 20, 20)


async def test_a_part_that_comes_before_its_plan_is_complete_waits() -> None:
    world = a_world()
    await world.drop(NAME, big())
    parts: list[Message] = []
    steps = 0
    while not parts:
        (message,) = await world.queues.take("documents", hide_s=0)
        with pytest.raises(Killed):
            await world.deliver(message, world.process(Fuse(steps)))
        parts, steps = await world.queues.take("document-parts", hide_s=0), steps + 1
    newest = max((parse_document_part(part.body) for part in parts), key=lambda part: part.generation)
    with pytest.raises(OverloadedError):
        await world.services.parts.handle(newest, "m")


async def test_a_part_that_cannot_be_read_fails_the_document_with_its_reason() -> None:
    paragraphs = big().split("\n\n")
    paragraphs[12] = "UNREADABLE"
    world = a_world()
    await world.drop(NAME, big())
    await world.settle()
    await world.drop(NAME, "\n\n".join(paragraphs))
    await world.settle()
    document = await world.only_document()
    assert (document.state, document.chunks, document.usage_bytes) == ("failed", 0, 0)
    assert document.last_error is not None
    assert "damaged in the middle" in document.last_error.message
    assert (await world.visible(document), await world.hidden(document)) == ([], 0)


async def test_a_part_that_waits_for_the_model_says_so_and_a_failure_says_more_than_waiting() -> None:
    world, messages = await planned(big(), embedder=LimitedEmbedder(calls=0))
    part = parse_document_part(messages[0].body)
    for embedder, seen in (
        (LimitedEmbedder(calls=0), (0, LastError("waiting", "The deployment is at its limit."))),
        (FailingEmbedder(), (1, LastError("server_error", "The deployment answered 500."))),
        (LimitedEmbedder(calls=0), (1, LastError("server_error", "The deployment answered 500."))),
    ):
        world.embedder = embedder
        with pytest.raises(PlatformError):
            await world.process(Fuse()).parts.handle(part, "m")
        document = await world.only_document()
        assert (document.attempts, document.last_error) == seen


async def test_a_part_that_dies_while_it_waits_is_not_said_to_have_failed_of_waiting() -> None:
    world, messages = await planned(big(), embedder=LimitedEmbedder(calls=0))
    with pytest.raises(RateLimitError):
        await world.services.parts.handle(parse_document_part(messages[0].body), "m")
    parked = ParkedMessage(code="server_error", reason="Every attempt failed.", body=messages[0].body.decode())
    await world.services.parts.give_up(parked, "p1")
    assert (await world.only_document()).last_error == LastError("server_error", "Part 1: Every attempt failed.")


async def test_a_part_that_keeps_failing_is_noted_and_its_poison_fails_the_document() -> None:
    world, messages = await planned(big(), embedder=FailingEmbedder())
    part = parse_document_part(messages[0].body)
    for attempt in (1, 2):
        with pytest.raises(UpstreamError):
            await world.services.parts.handle(part, "m")
        assert (await world.only_document()).attempts == attempt
    parked = ParkedMessage(code="server_error", reason="Every attempt failed.", body=messages[0].body.decode())
    await world.services.parts.give_up(parked, "p1")
    document = await world.only_document()
    assert (document.state, document.fan_out) == ("failed", None)
    assert document.last_error is not None
    assert document.last_error.message == "The deployment answered 500."
    world.embedder = WordsEmbedder()
    world.services = world.process(Fuse())
    await world.settle()
    await world.announce(NAME)
    await world.settle()
    await assert_as_in_one_run(world, big())


async def test_poison_of_an_overtaken_part_changes_nothing_and_what_is_no_part_is_kept() -> None:
    world, messages = await planned(big())
    await world.settle()
    ready = await world.only_document()
    await world.services.parts.give_up(ParkedMessage(code="c", reason="Late.", body=messages[0].body.decode()), "p1")
    assert await world.only_document() == ready
    for body in ("nonsense", '{"kind": "document_part"}'):
        await world.services.parts.give_up(ParkedMessage(code="c", reason="What?", body=body), "p2")
        kept = b"".join([piece async for piece in world.blobs.read("poison", "document-parts/p2")])
        assert kept.decode() == body


async def test_poison_of_the_event_leaves_a_document_in_parts_alone() -> None:
    world, _ = await planned(big())
    body = BlobMessage(blob_name=NAME).model_dump_json()
    await world.services.indexer.give_up(ParkedMessage(code="c", reason="Late.", body=body), "p1")
    await world.settle()
    await assert_as_in_one_run(world, big())


class Storm:
    """Delivers events and parts at once, in any order, twice, to processes that die."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        self.begun: list[asyncio.Task[None]] = []

    async def change(self, version: int, content: str) -> str:
        """What happens to the blob, if anything; return what it ought to hold at the end."""
        match self.rng.choice(["write", "delete", "duplicate", "wait", "nothing", "nothing"]):
            case "write":
                content = big(version, paragraphs=self.rng.choice([3, 12, 20]))
                await self.world.drop(NAME, content)
            case "delete":
                await self.world.remove(NAME)
            case "duplicate":
                await self.world.announce(NAME)
            case "wait":
                self.world.clock.advance(self.rng.choice([5, 90, 2000]))
            case _:
                pass
        return content

    async def deliver_some(self) -> None:
        parts = await self.world.queues.take("document-parts", limit=6, hide_s=0)
        self.rng.shuffle(parts)
        for message in await self.world.queues.take("documents", limit=2, hide_s=0):
            self.begun.append(asyncio.create_task(self._deliver(message, part=False)))
        for message in parts[: self.rng.randrange(7)]:
            self.begun.append(asyncio.create_task(self._deliver(message, part=True)))
        for _ in range(self.rng.randrange(60)):
            await asyncio.sleep(0)

    async def _deliver(self, message: Message, *, part: bool) -> None:
        steps = self.rng.choice([None, self.rng.randrange(60)])
        process = self.world.process(Fuse(steps, random.Random(self.rng.random())))
        try:
            await (self.world.deliver_part if part else self.world.deliver)(message, process)
        except Killed:
            return
        except Exception as error:
            if "gone or was taken" not in str(error):
                raise


@pytest.mark.parametrize("seed", SEEDS)
async def test_any_order_of_events_parts_duplicates_and_crashes_ends_like_one_run(seed: int) -> None:
    rng, world, content = random.Random(seed), a_world(), big(0)
    storm = Storm(world, rng)
    for version in range(8):
        content = await storm.change(version, content)
        await storm.deliver_some()
    await world.drop(NAME, content)
    await asyncio.gather(*storm.begun)
    await world.settle()
    await assert_as_in_one_run(world, content)


async def test_a_part_of_a_document_that_nobody_knows_is_done_with() -> None:
    _, messages = await planned(big())
    stranger = a_world()
    await stranger.services.parts.handle(parse_document_part(messages[0].body), "m")
    assert (stranger.embedder.texts, (await stranger.documents.list("acme")).items) == ([], ())


async def test_the_content_of_a_document_in_parts_that_came_back_unchanged_is_not_read_again() -> None:
    world, _ = await planned(big())
    await world.settle()
    before = await world.only_document()
    await world.drop(NAME, big())
    await world.settle()
    after = await world.only_document()
    assert (after.state, after.content_hash, after.chunks) == ("ready", before.content_hash, 20)
    assert after.blob_etag != before.blob_etag
    assert (len(world.embedder.texts), len(await world.visible(after))) == (20, 20)


async def test_what_grew_small_again_is_made_in_one_run_and_leaves_nothing_of_its_parts() -> None:
    world, _ = await planned(big())
    await world.settle()
    await world.drop(NAME, big(2, paragraphs=2))
    await world.settle()
    await assert_as_in_one_run(world, big(2, paragraphs=2))
