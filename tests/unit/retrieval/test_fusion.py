"""Ranks into scores, chunks into passages."""

from dataclasses import replace

import pytest

from shared.ports.chunks import STRIDE, Candidates, Chunk
from shared.retrieval.fusion import Hit, RankedList, fused_scores, merged
from shared.retrieval.words import content_words, coverage

CHUNK = Chunk(
    id="c0",
    tenant="acme",
    store_id="vs",
    document_id="d",
    file_id="f",
    filename="a.txt",
    generation=1,
    ordinal=0,
    text="one two",
    embedding=(),
    tokens=2,
    char_start=0,
    char_end=7,
)


def at(ordinal: int, start: int, text: str, **changes: object) -> Chunk:
    moved = replace(CHUNK, id=f"c{ordinal}", ordinal=ordinal, text=text, char_start=start, char_end=start + len(text))
    return replace(moved, **changes)  # pyright: ignore[reportArgumentType] -- the names are checked at run time


def test_the_first_of_every_list_scores_one_and_of_one_list_its_share() -> None:
    scores = fused_scores([RankedList(["a", "b"], 1.0), RankedList(["a", "c"], 3.0)])
    assert scores["a"] == pytest.approx(1.0)
    assert scores["c"] == pytest.approx(0.75 * 61 / 62)
    assert scores["b"] == pytest.approx(0.25 * 61 / 62)
    assert fused_scores([]) == {}


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (at(1, 7, " three"), "one two three"),
        (at(1, 8, "three"), "one two three"),
        (at(1, 9, "three"), "one two\n\nthree"),
        (at(1, 4, "two three"), "one two three"),
        (at(1, 4, "TWO three"), "one two\n\nTWO three"),
    ],
)
def test_neighbours_are_joined_without_what_they_share(second: Chunk, text: str) -> None:
    (passage,) = merged([Hit(second, 0.9, None), Hit(CHUNK, 0.5, 0.4)])
    assert passage.text == text
    assert (passage.char_start, passage.char_end, passage.score, passage.similarity) == (0, second.char_end, 0.9, 0.4)
    assert passage.chunk_ids == ("c0", "c1")


@pytest.mark.parametrize(
    "other", [at(2, 9, "x"), at(1, 9, "x", document_id="e"), at(1, 9, "x", generation=2), at(1, 9, "x", store_id="v2")]
)
def test_only_neighbours_of_one_generation_of_one_document_are_joined(other: Chunk) -> None:
    assert [passage.score for passage in merged([Hit(CHUNK, 0.5, None), Hit(other, 0.9, None)])] == [0.9, 0.5]


@pytest.mark.parametrize(("gap", "between"), [(0, ""), (1, " "), (2, "\n\n"), (5, "\n\n")])
def test_the_last_of_a_part_and_the_first_of_the_next_are_joined(gap: int, between: str) -> None:
    last = replace(CHUNK, ordinal=3 * STRIDE + 41)
    first = at(4 * STRIDE, CHUNK.char_end + gap, "three")
    (passage,) = merged([Hit(first, 0.9, None), Hit(last, 0.5, None)])
    assert passage.text == f"one two{between}three"
    assert (passage.char_start, passage.char_end) == (0, first.char_end)


@pytest.mark.parametrize(
    "other", [at(STRIDE, 60, "x"), at(STRIDE, 3, "x"), at(STRIDE + 1, 8, "x"), at(STRIDE, 8, "x", generation=2)]
)
def test_what_other_text_or_another_version_lies_between_is_not_joined(other: Chunk) -> None:
    assert len(merged([Hit(CHUNK, 0.5, None), Hit(other, 0.9, None)])) == 2


def test_content_words_are_what_a_question_is_about() -> None:
    assert content_words("How many Vacation days do we have in 2026?") == {"vacation", "days", "2026"}
    assert content_words("Was steht in den Verträgen?") == {"steht", "vertragen"}
    assert content_words("有給休暇は何日ですか") == {"給休", "休暇"}
    assert content_words("カ") == {"カ"}
    assert content_words("です") == {"です"}
    assert content_words("What is it?") == {"what", "is", "it"}
    assert content_words("?!") == set()


@pytest.mark.parametrize(
    ("word", "text", "share"),
    [
        ("policy", "All policies.", 1.0),
        ("deploy", "It was deployed.", 1.0),
        ("deployment", "We deploy.", 0.0),
        ("café", "CAFE", 1.0),
        ("cat", "A catalogue", 0.0),
        ("day", "Three days", 1.0),
        ("days", "One day", 1.0),
        ("cat", "No cars", 0.0),
        ("25", "in 2025", 0.0),
        ("", "anything", 0.0),
    ],
)
def test_words_match_but_for_their_endings(word: str, text: str, share: float) -> None:
    assert coverage(content_words(word), text) == share


async def test_a_store_that_leaves_embeddings_out_leaves_similarity_unknown() -> None:
    from shared.ports.keys import Caller
    from tests.unit.retrieval.world import World

    class Lexical:
        async def search(self, *_: object, **__: object) -> Candidates:
            return Candidates((), ((CHUNK, 3.0),))

    world = World(chunks=Lexical())
    from shared.wire.vector_stores import VectorStoreBody

    store = await world.services.vector_stores.create(Caller("acme", None), VectorStoreBody())
    (passage,) = await world.services.searcher.search(Caller("acme", None), [store.id], "one two", limit=1)
    assert (passage.similarity, passage.score) == (None, 0.5)
