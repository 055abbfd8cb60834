"""Passages are exact pieces of the text, never too long, and nothing between them is lost."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.tokens import O200kTokens
from shared.retrieval.chunking import passages
from shared.retrieval.extraction.document import Document, Heading

TOKENS = O200kTokens()
ALPHABET = [
    *("word ", "Sentence. ", "a", "\n", "\n\n", " ", "\t", "# ", "## Head\n", "- ", "| x | y |\n", "```\n", "> "),
    *("漢字", "かな", "한국어", "ไทย", "नमस्ते ", "שלום ", "é", "e\u0301", "\u200b", "\ufeff", "\u2028"),
    *("👩\u200d👩\u200d👧\u200d👦", "🇩🇪", "😀"),
]


def check(document: Document, max_tokens: int) -> None:
    found = list(passages(document, max_tokens))
    for passage in found:
        assert document.text[passage.char_start : passage.char_end] == passage.text
        assert passage.text.strip()
        assert passage.tokens == TOKENS.count(passage.text) <= max_tokens
    edges = [0, *(edge for passage in found for edge in (passage.char_start, passage.char_end)), len(document.text)]
    assert edges == sorted(edges)
    gaps = [document.text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    assert "".join(gaps).strip() == ""
    assert list(passages(document, max_tokens)) == found


@pytest.mark.parametrize("markdown", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_any_unicode_text_is_cut_exactly(seed: int, markdown: bool) -> None:
    chance = random.Random(seed)
    text = "".join(chance.choices(ALPHABET, weights=chance.choices(range(1, 20), k=len(ALPHABET)), k=1500))
    check(Document(text), chance.choice([8, 40, 512]))


@pytest.mark.parametrize("piece", ["漢", "a", "0x1f", "👩\u200d👦", " ", "word ", "e\u0301"])
def test_a_very_long_line_is_cut_exactly(piece: str) -> None:
    check(Document(f"before\n{piece * 12_000}\nafter"), 512)


def test_a_long_text_is_cut_where_a_short_one_would_be() -> None:
    paragraph = "It was the best of times, it was the worst of times. " * 30 + "\n\n"
    found = list(passages(Document(paragraph * 300), 512))
    check(Document(paragraph * 300), 512)
    assert {passage.text for passage in found} == {passage.text for passage in passages(Document(paragraph), 512)}


def test_blank_text_has_no_passages() -> None:
    assert list(passages(Document(" \n\n\t \n" * 5000), 512)) == []
    assert list(passages(Document("\x1c\x1d\u2003\u3000"), 512)) == []


def test_the_pages_of_a_passage_are_those_of_its_first_and_last_character() -> None:
    texts = ["one " * 300, "", "three " * 300]
    starts = (0, len(texts[0]) + 2, len(texts[0]) + 4)
    document = Document("\n\n".join(texts), page_starts=starts, char_start=1000, pages_before=10)
    spans = {(p.page_start, p.page_end, "one" in p.text, "three" in p.text) for p in passages(document, 100)}
    assert (
        {(11, 11, True, False), (13, 13, False, True)}
        <= spans
        <= {
            (11, 11, True, False),
            (11, 13, True, True),
            (13, 13, False, True),
        }
    )
    assert next(passages(document, 100)).char_start == 1000


def test_the_headings_of_a_passage_are_the_path_to_its_first_character() -> None:
    names = [(1, "A"), (2, "A.a"), (3, "A.a.i"), (2, "A.b"), (1, "B"), (4, "B....x")]
    text = "".join(f"{name}\n{'filler ' * 50}\n\n" for _, name in names)
    document = Document(text, headings=tuple(Heading(level, name, text.index(f"{name}\n")) for level, name in names))
    paths = list(dict.fromkeys(passage.headings for passage in passages(document, 60)))
    assert paths == [("A",), ("A", "A.a"), ("A", "A.a", "A.a.i"), ("A", "A.b"), ("B",), ("B", "B....x")]


def test_an_edit_changes_only_the_passages_around_it() -> None:
    paragraphs = [f"Paragraph {number} " + "says the same as ever. " * 20 + "\n\n" for number in range(300)]
    before = {passage.text for passage in passages(Document("".join(paragraphs)), 512)}
    paragraphs[100] = paragraphs[100].replace("same", "opposite")
    after = [passage.text for passage in passages(Document("".join(paragraphs)), 512)]
    assert sum(text not in before for text in after) <= 2
    assert all(one != other for one, other in pairwise(after))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(ALPHABET) | st.text(max_size=9), max_size=300), st.sampled_from([8, 40, 512]))
def test_whatever_the_text_its_passages_are_exact(pieces: list[str], max_tokens: int) -> None:
    check(Document("".join(pieces)), max_tokens)


@pytest.mark.parametrize(("max_tokens", "overlap_tokens"), [(100, 50), (200, 20), (800, 400)])
def test_passages_overlap_by_no_more_than_was_asked_and_still_fit(max_tokens: int, overlap_tokens: int) -> None:
    text = "\n\n".join(f"Paragraph {n} says that thing {n} is {n * 7} metres long, and goes on." for n in range(300))
    found = list(passages(Document(text), max_tokens, overlap_tokens))
    assert all(one.tokens <= max_tokens and one.text == text[one.char_start : one.char_end] for one in found)
    shared = [text[after.char_start : before.char_end] for before, after in pairwise(found)]
    assert all(0 < TOKENS.count(piece) <= overlap_tokens for piece in shared)
