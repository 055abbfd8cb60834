"""What is embedded, how often, and what happens when the model says no."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.adapters.memory.cache import MemoryEmbeddingCache
from shared.adapters.memory.clock import ManualClock
from shared.errors import RateLimitError
from shared.ports.keys import Caller
from shared.ports.models import Embeddings
from shared.ports.records import LastError
from shared.ports.usage import Source
from shared.retrieval.embedding import BatchLimits, EmbeddingSpace, PassageEmbedder, Slots
from shared.retrieval.extraction.document import Passage
from tests.unit.retrieval.test_interleavings import content_of
from tests.unit.retrieval.world import WordsEmbedder, World

NAME = "acme/kb/a.txt"
SPACE = EmbeddingSpace("words", 64)


def passage(text: str, tokens: int = 1, headings: tuple[str, ...] = ()) -> Passage:
    return Passage(text, 0, len(text), None, None, headings, tokens)


def passages(*texts: str) -> list[Passage]:
    return [passage(text) for text in texts]


class LimitedEmbedder(WordsEmbedder):
    """Answers so many calls, then says 429."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls

    async def embed(self, caller: Caller, texts: Sequence[str], *, source: Source) -> Embeddings:
        if self.calls == 0:
            raise RateLimitError("The deployment is at its limit.", retry_after_s=7)
        self.calls -= 1
        return await super().embed(caller, texts, source=source)


def embedder_over(model: WordsEmbedder, **fields: object) -> PassageEmbedder:
    cache = MemoryEmbeddingCache(ManualClock())
    return PassageEmbedder(model, cache, SPACE, limits=BatchLimits(texts=2, tokens=10), **fields)  # pyright: ignore[reportArgumentType] -- tests name the fields


async def test_vectors_come_in_the_order_of_the_passages_and_no_text_is_embedded_twice() -> None:
    model = WordsEmbedder()
    embedder = embedder_over(model)
    first, second, again = await embedder.embed("t", passages("one", "two", "one"))
    assert (first == again, first == second) == (True, False)
    assert model.texts == ["one", "two"]
    await embedder.embed("t", passages("two", "three"))
    assert model.texts == ["one", "two", "three"]


async def test_headings_are_part_of_what_is_embedded() -> None:
    model = WordsEmbedder()
    embedder = embedder_over(model)
    await embedder.embed("t", [passage("text", headings=("A", "B")), passage("text", headings=("A",))])
    assert model.texts == ["A > B\n\ntext", "A\n\ntext"]


async def test_one_tenants_embeddings_serve_no_other() -> None:
    model = WordsEmbedder()
    embedder = embedder_over(model)
    for tenant in ("t", "u"):
        await embedder.embed(tenant, passages("text"))
    assert model.texts == ["text", "text"]
    assert [caller.tenant for caller, _ in model.callers] == ["t", "u"]


@pytest.mark.parametrize(
    ("tokens", "sizes"), [([1] * 5, [2, 2, 1]), ([6, 5, 4], [1, 2]), ([99, 1, 1], [1, 2]), ([5, 5], [2]), ([], [])]
)
async def test_batches_keep_to_texts_and_tokens(tokens: list[int], sizes: list[int]) -> None:
    model = WordsEmbedder()
    await embedder_over(model).embed("t", [passage(f"text {i}", count) for i, count in enumerate(tokens)])
    assert len(model.callers) == len(sizes)
    assert len(model.texts) == len(tokens)


async def test_what_was_embedded_before_a_failure_is_not_embedded_again() -> None:
    model = LimitedEmbedder(calls=2)
    embedder = embedder_over(model)
    with pytest.raises(RateLimitError):
        await embedder.embed("t", passages("a", "b", "c", "d", "e"))
    model.calls = 9
    await embedder.embed("t", passages("a", "b", "c", "d", "e"))
    assert model.texts == ["a", "b", "c", "d", "e"]


async def test_no_more_calls_are_under_way_than_there_are_slots() -> None:
    under_way: list[int] = []

    class Watched(WordsEmbedder):
        running = 0

        async def embed(self, caller: Caller, texts: Sequence[str], *, source: Source) -> Embeddings:
            self.running += 1
            under_way.append(self.running)
            await asyncio.sleep(0)
            self.running -= 1
            return await super().embed(caller, texts, source=source)

    embedder = embedder_over(Watched(), share=Slots(2))
    await asyncio.gather(*(embedder.embed("t", passages(f"text {i}")) for i in range(6)))
    assert max(under_way) == 2


async def test_an_unchanged_document_that_is_indexed_anew_embeds_nothing() -> None:
    world = World()
    await world.drop(NAME, content_of(2))
    await world.settle()
    embedded = len(world.embedder.texts)
    await world.remove(NAME)
    await world.settle()
    await world.drop(NAME, content_of(2))
    await world.settle()
    assert ((await world.only_document()).generation, len(world.embedder.texts)) == (3, embedded)


async def test_an_edit_embeds_only_what_it_touched() -> None:
    world = World()
    paragraphs = [f"paragraph {i}" for i in range(30)]
    await world.drop(NAME, "\n\n".join(paragraphs))
    await world.settle()
    paragraphs[7] = "another paragraph"
    await world.drop(NAME, "\n\n".join(paragraphs))
    await world.settle()
    assert world.embedder.texts[30:] == ["another paragraph"]


async def test_a_document_of_one_paragraph_repeated_embeds_it_once() -> None:
    world = World()
    await world.drop(NAME, "\n\n".join(["the same"] * 20))
    await world.settle()
    assert world.embedder.texts == ["the same"]
    assert len(await world.visible(await world.only_document())) == 20


async def test_a_model_at_its_limit_delays_the_document_without_an_attempt_and_keeps_what_it_gave() -> None:
    world = World(embedder=LimitedEmbedder(calls=2))
    await world.drop(NAME, content_of(2))
    (message,) = await world.queues.take("documents")
    await world.deliver(message, world.services)
    document = await world.only_document()
    assert (document.attempts, document.claim, document.last_error) == (
        0,
        None,
        LastError("waiting", "The deployment is at its limit."),
    )
    (waiting,) = world.queues.waiting("documents")
    assert waiting.visible_at - world.clock.monotonic() == 7
    world.embedder.calls = 99
    await world.settle()
    document = await world.only_document()
    assert (document.state, document.last_error) == ("ready", None)
    assert len(world.embedder.texts) == len(set(world.embedder.texts)) == 7
