"""A small edit of a document has few passages embedded anew, whatever the document looks like."""

from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.edits import MOST_EMBEDDED, Cost, cost, measured, total
from benchmarks.revisions import EDITS, FORMATS, Format, revisions
from shared.retrieval.chunking import passages
from shared.retrieval.embedding import embedded_text
from shared.retrieval.extraction.readers.markdown import with_headings

PARAGRAPHS = 12


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)
def test_small_edits_embed_little_more_than_the_passages_they_touch(format_: Format) -> None:
    costs = measured([format_], range(1))
    assert {edit for edit, _ in costs} >= {EDITS[0], EDITS[-1]}
    every = total(costs)
    assert every.touched >= sum(map(len, costs.values()))
    assert every.embedded >= 0.8 * every.touched
    assert every.ratio_with_added <= MOST_EMBEDDED, every


def test_whatever_the_document_no_edit_embeds_more_than_twice_what_it_touches_and_two() -> None:
    every: list[Cost] = []

    @settings(max_examples=6, deadline=None, derandomize=True)
    @given(st.sampled_from(FORMATS), st.integers(min_value=1000))
    def each_alone(format_: Format, seed: int) -> None:
        costs = [cost(revision, format_) for revision in revisions(format_, seed)]
        assert [each for each in costs if each.embedded > 2 * each.touched + 2] == []
        every.extend(costs)

    each_alone()
    assert len(every) >= 100
    assert reduce(Cost.__add__, every).ratio <= MOST_EMBEDDED


def test_a_heading_that_comes_in_disturbs_no_section_but_the_one_it_stands_in() -> None:
    before = [section("One"), section("Two"), section("Three")]
    paragraphs = before[1].split("\n\n")
    middle = len(paragraphs) // 2
    headed = "\n\n".join((*paragraphs[:middle], "### New", *paragraphs[middle:]))
    kept = embedded([before[0], headed, before[2]]) & embedded(before)
    assert kept >= {text for text in embedded(before) if not text.startswith("Two")}
    assert {text for text in embedded([before[0], headed, before[2]]) - kept if text.startswith("Two > New")}
    assert {text for text in kept if text.startswith("Two\n")}, "what stands before the new heading stays"


def section(name: str) -> str:
    texts = (
        f"{name} {number}. " + f"What {name} says of thing {number} is this. " * 12 for number in range(PARAGRAPHS)
    )
    return "\n\n".join((f"## {name}", *texts))


def embedded(sections: list[str]) -> set[str]:
    return set(map(embedded_text, passages(with_headings("\n\n".join(sections)), 512)))
