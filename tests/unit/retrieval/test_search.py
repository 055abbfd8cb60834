"""Searching: ranks fused, duplicates dropped, neighbours merged, and nothing passed off as found."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.errors import NotFoundError
from shared.ports.keys import Caller
from shared.ports.models import Embeddings
from shared.ports.usage import Source
from shared.retrieval.fusion import Weights
from shared.retrieval.languages import Languages
from shared.wire.vector_stores import VectorStoreBody
from tests.unit.retrieval.world import CALLER, DIMENSIONS, Fuse, WordsEmbedder, World


async def store_of(world: World, *contents: str, name: str = "kb") -> str:
    file_ids = [(await world.upload(content, f"{n}.txt")).id for n, content in enumerate(contents)]
    store = await world.services.vector_stores.create(CALLER, VectorStoreBody(name=name, file_ids=file_ids))
    await world.settle()
    return store.id


LEAVE = "Employees are entitled to 25 days of paid vacation each year."
TRAVEL = "Flights over six hours may be booked in business class."
KITCHEN = "The dishwasher is emptied by whoever comes first."


async def test_the_best_match_comes_first_with_its_place_and_a_score_of_one() -> None:
    world = World()
    store_id = await store_of(world, TRAVEL, LEAVE, KITCHEN)
    found = await world.services.searcher.search(CALLER, [store_id], "vacation days of employees", limit=2)
    best = found[0]
    assert best.text == LEAVE
    assert (best.score, best.filename, best.page_start, best.page_end) == (1.0, "1.txt", 1, 1)
    assert (best.char_start, best.char_end, best.tokens) == (0, len(LEAVE), 11)
    assert best.similarity is not None
    assert 0.3 < best.similarity < 1
    assert found[1].score < 1


async def test_a_search_is_metered_to_the_caller_as_retrieval() -> None:
    world = World()
    store_id = await store_of(world, LEAVE)
    await world.services.searcher.search(CALLER, [store_id], "vacation", limit=1)
    assert world.embedder.callers[-1] == (CALLER, "retrieval")


async def test_a_missing_store_is_named_before_anything_is_embedded() -> None:
    world = World()
    store_id = await store_of(world, LEAVE)
    embedded = len(world.embedder.texts)
    with pytest.raises(NotFoundError, match="vs_none"):
        await world.services.searcher.search(CALLER, [store_id, "vs_none"], "vacation", limit=1)
    assert len(world.embedder.texts) == embedded


async def test_several_stores_are_searched_as_one() -> None:
    world = World()
    poor = await store_of(world, KITCHEN, name="poor")
    rich = await store_of(world, LEAVE, TRAVEL, name="rich")
    found = await world.services.searcher.search(CALLER, [poor, rich], "paid vacation of employees", limit=3)
    assert found[0].text == LEAVE
    assert {passage.store_id for passage in found} == {poor, rich}


async def test_neighbouring_chunks_become_one_passage_over_their_pages() -> None:
    world = World()
    store_id = await store_of(world, "# Leave\n\nVacation is paid.\n\n\fVacation needs approval.\n\nLunch is free.")
    found = await world.services.searcher.search(CALLER, [store_id], "vacation", limit=2)
    (passage,) = found
    assert passage.text == "Vacation is paid.\n\n\fVacation needs approval."
    assert (passage.page_start, passage.page_end, passage.headings) == (1, 2, ("Leave",))
    assert (len(passage.chunk_ids), passage.tokens) == (2, 6)
    content = "# Leave\n\nVacation is paid.\n\n\fVacation needs approval."
    assert content[passage.char_start : passage.char_end] == passage.text


async def test_the_same_text_is_found_once() -> None:
    world = World()
    store_id = await store_of(world, LEAVE, LEAVE, LEAVE.replace(" ", "  "), TRAVEL)
    found = await world.services.searcher.search(CALLER, [store_id], "paid vacation", limit=4)
    assert [passage.text.split() for passage in found].count(LEAVE.split()) == 1


async def test_no_more_chunks_than_the_limit_are_given() -> None:
    world = World()
    store_id = await store_of(world, "\n\n".join(f"vacation rule {n}" for n in range(30)))
    found = await world.services.searcher.search(CALLER, [store_id], "vacation", limit=5)
    assert sum(len(passage.chunk_ids) for passage in found) == 5


async def test_a_search_narrows_to_files() -> None:
    world = World()
    store_id = await store_of(world, LEAVE, TRAVEL)
    file_id = (await world.services.searcher.search(CALLER, [store_id], "flights", limit=1))[0].file_id
    found = await world.services.searcher.search(CALLER, [store_id], "paid vacation", limit=2, file_ids=[file_id])
    assert [passage.text for passage in found] == [TRAVEL]
    assert await world.services.searcher.search(CALLER, [store_id], "paid vacation", limit=2, file_ids=[]) == ()


async def test_a_passage_with_an_acl_is_found_only_by_who_may_read_it() -> None:
    world = World()
    store_id = await store_of(world, LEAVE)
    (chunk,) = await world.visible(await world.only_document())
    await world.chunks.put([replace(chunk, acl=("group:hr",))])
    assert await world.services.searcher.search(CALLER, [store_id], "vacation", limit=1) == ()
    member = Caller(CALLER.tenant, "key-2", ("group:hr",))
    assert len(await world.services.searcher.search(member, [store_id], "vacation", limit=1)) == 1


@pytest.mark.parametrize("strictness", [1, 2, 3, 4, 5])
async def test_what_the_documents_answer_is_found_at_every_strictness(strictness: int) -> None:
    world = World()
    store_id = await store_of(world, LEAVE, TRAVEL)
    query = "How many days of paid vacation are employees entitled to?"
    found = await world.services.searcher.search(CALLER, [store_id], query, limit=2, strictness=strictness)
    assert [passage.text for passage in found][:1] == [LEAVE]


class BlindEmbedder:
    """Knows no language: every text lies at a right angle to every query."""

    async def embed(self, caller: object, texts: list[str], *, source: str) -> object:
        axis = 1.0 if source == "retrieval" else 0.0
        return Embeddings(tuple((axis, 1.0 - axis, *[0.0] * 62) for _ in texts), 1)


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("How many vacation days do employees get?", "Each employee gets 25 days of vacation.", True),
        ("Wie viele Urlaubstage stehen im Vertrag?", "Die Verträge nennen 25 Urlaubstage.", True),
        ("Combien de congés payés par an ?", "Les salariés ont cinq semaines de congés payés.", True),
        ("有給休暇は何日ですか", "有給休暇は年間二十五日です。", True),
        ("年假有多少天?", "员工每年有二十五天年假。", True),
        ("Сколько дней отпуска в договоре?", "Договор даёт 25 дней отпуска.", True),
        ("휴가는 며칠입니까?", "직원에게 휴가를 25일 줍니다.", False),
        ("연차 휴가는 며칠입니까?", "직원에게 연차 휴가를 25일 줍니다.", True),
        ("ลาพักร้อนกี่วัน", "พนักงานลาพักร้อนได้ 25 วัน", True),
        ("狗叫什么名字?", "员工每年有二十五天年假。", False),
        ("What is the capital of France?", "The capital requirements of banks were raised.", False),
        ("Who won the world cup in 1998?", "The coffee cup belongs in the kitchen.", False),
        ("Wie heißt der Hund von Herrn Meier?", "Die Verträge nennen 25 Urlaubstage.", False),
        ("What is it?", "Nothing to see here.", False),
        ("vacation", "Vacations are paid.", True),
        ("", "Vacations are paid.", False),
    ],
)
async def test_words_count_where_the_embedding_model_is_blind(query: str, text: str, found: bool) -> None:
    world = World(embedder=BlindEmbedder())
    store_id = await store_of(world, text)
    passages = await world.services.searcher.search(CALLER, [store_id], query, limit=2, strictness=3)
    assert bool(passages) is found


GERMAN = "Jedem Beschäftigten stehen fünfundzwanzig Urlaubstage zu."
QUERY = "Wie viele Urlaubstage stehen mir zu?"


class Perverse(WordsEmbedder):
    """Lays queries beside the texts that have the fewest words."""

    async def embed(self, caller: Caller, texts: Sequence[str], *, source: Source) -> Embeddings:
        del caller
        lengths = [(0.0 if source == "retrieval" else len(text.split()) / 100) for text in texts]
        return Embeddings(tuple((1 - one, one, *[0.0] * (DIMENSIONS - 2)) for one in lengths), len(texts))


async def german_first(languages: Languages, weights: Weights | None = None, *, query: str = QUERY) -> list[bool]:
    world = World(embedder=Perverse())
    store_id = await store_of(world, "Zu.", "So, zu.", "Na, na, zu.", GERMAN)
    searcher = replace(world.services.searcher, languages=languages)
    return [one.text == GERMAN for one in await searcher.search(CALLER, [store_id], query, limit=4, weights=weights)]


async def test_a_model_that_does_not_know_the_language_only_fills_up_what_words_have_not_found() -> None:
    assert await german_first(Languages(frozenset(["en"]))) == [True, False, False, False]
    assert (await german_first(Languages(frozenset(["de"]))))[0] is False
    assert (await german_first(Languages()))[0] is False


async def test_a_query_too_short_to_tell_its_language_is_in_that_of_the_passages_with_its_words() -> None:
    assert (await german_first(Languages(frozenset(["en"])), query="Urlaubstage zu"))[0] is True
    assert (await german_first(Languages(frozenset(["en", "de"])), query="Urlaubstage zu"))[0] is False


async def test_weights_that_a_client_gives_count_in_any_language() -> None:
    assert (await german_first(Languages(frozenset(["en"])), Weights(vector=1, text=0)))[0] is False
    assert (await german_first(Languages(), Weights(vector=0.01, text=1)))[0] is True


async def test_headings_count_as_words_of_a_passage() -> None:
    world = World(embedder=BlindEmbedder())
    store_id = await store_of(world, "# Parental leave\n\nTwelve weeks.")
    passages = await world.services.searcher.search(CALLER, [store_id], "parental leave weeks", limit=2, strictness=5)
    assert "Twelve weeks." in passages[0].text


async def test_without_strictness_something_is_always_found() -> None:
    world = World()
    store_id = await store_of(world, KITCHEN)
    assert len(await world.services.searcher.search(CALLER, [store_id], "quantum physics", limit=3)) == 1
    assert await world.services.searcher.search(CALLER, [store_id], "quantum physics", limit=3, strictness=3) == ()


async def test_an_empty_store_has_nothing() -> None:
    world = World()
    store_id = await store_of(world)
    assert await world.process(Fuse()).searcher.search(CALLER, [store_id], "vacation", limit=3) == ()
    assert await world.services.searcher.search(CALLER, [], "vacation", limit=3) == ()
