"""A small edit of a document has few passages embedded anew, whatever the document looks like."""

import random
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from shared.retrieval.chunking import passages
from shared.retrieval.embedding import embedded_text
from shared.retrieval.extraction.document import Document, Passage
from shared.retrieval.extraction.readers.markdown import with_headings

MOST_NEW_PER_TOUCHED = 1.3
SEEDS = range(2)
EDITS = 25
SENTENCES = 600
LETTERS = "etaoinshrdlucmfwypvbgkjqxz"


class Author:
    """Writes texts of one shape; what an edit puts in is of the same shape."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        weights = range(len(LETTERS), 0, -1)
        lengths = (self.chance.randint(1, 9) for _ in range(800))
        self._vocabulary = ["".join(self.chance.choices(LETTERS, weights, k=length)) for length in lengths]

    def words(self, fewest: int, most: int) -> list[str]:
        return self.chance.choices(self._vocabulary, k=self.chance.randint(fewest, most))

    def sentence(self) -> str:
        words = self.words(4, 22)
        if len(words) > 12:
            words[6] += ","
        return " ".join(words).capitalize() + self.chance.choice("....?!")

    def paragraph(self) -> str:
        return " ".join(self.sentence() for _ in range(self.chance.randint(1, 7)))

    def headed(self) -> str:
        """A paragraph, under a heading of its own or not."""
        heading = "#" * self.chance.choice([2, 3, 3, 4]) + f" {' '.join(self.words(3, 5))}\n\n"
        return heading * (self.chance.random() < 0.2) + self.paragraph()

    def function(self) -> str:
        name, argument = self.words(2, 2)
        lines = [f"    {'    ' * self.chance.randint(0, 2)}{' = '.join(self.words(2, 3))}()" for _ in range(9)]
        return "\n".join([f"def {name}({argument}):", *lines, f"    return {argument}\n\n"])

    def row(self) -> str:
        number, day = self.chance.randint(0, 10**6), self.chance.randint(10, 28)
        return f"2026-11-{day},{' '.join(self.words(1, 3))},{number},{' '.join(self.words(1, 9))}"


@dataclass(frozen=True)
class Shape:
    """Units stand with `between` in between; `sentences` is about how many of them a unit is as long as."""

    unit: Callable[[Author], str]
    between: str
    sentences: float
    document: Callable[[str], Document] = Document


SHAPES = {
    "prose": Shape(Author.paragraph, "\n\n", 4),
    "markdown with headings": Shape(Author.headed, "\n\n", 4, with_headings),
    "wrapped": Shape(lambda author: textwrap.fill(author.paragraph(), 80), "\n\n", 4),
    "wrapped without paragraphs": Shape(lambda author: textwrap.fill(author.paragraph(), 80), "\n", 4),
    "one long line": Shape(Author.sentence, " ", 1),
    "one long line without punctuation": Shape(lambda author: " ".join(author.words(4, 22)), " ", 1),
    "code": Shape(Author.function, "\n", 6),
    "csv": Shape(Author.row, "\n", 1),
}


@dataclass(frozen=True)
class Edit:
    start: int
    end: int
    put: str

    def touches(self, passage: Passage) -> bool:
        """Where nothing is taken out, it touches the passage that it is put into."""
        return passage.char_start < max(self.end, self.start + 1) and passage.char_end > self.start


def edits(author: Author, shape: Shape, units: list[str]) -> list[Edit]:
    """Of each kind in turn: other letters, more words, fewer words, one more unit, one unit less."""
    length = len(shape.between.join(units))
    starts = [len(shape.between.join([*units[:number], ""])) for number in range(len(units))]
    plain = [number for number, unit in enumerate(units) if not is_headed(unit)]
    made: list[Edit] = []
    while len(made) < EDITS:
        at, number = author.chance.randrange(length - 60), author.chance.choice(plain)
        start, end = starts[number], min(length, starts[number] + len(units[number] + shape.between))
        words = " ".join(author.words(2, 6))
        made += [Edit(at, at + 5, words[:5]), Edit(at, at, f" {words}"), Edit(at, at + 60, "")]
        made += [Edit(start, start, units[author.chance.choice(plain)] + shape.between), Edit(start, end, "")]
    return made


def is_headed(unit: str) -> bool:
    """A heading that comes or goes belongs to the path of all that stands below it: that is no small edit."""
    return unit.startswith("#")


@pytest.mark.parametrize("name", SHAPES)
def test_a_small_edit_embeds_little_more_than_the_passages_it_touches(name: str) -> None:
    shape = SHAPES[name]
    touched = new = 0
    for seed in SEEDS:
        author = Author(seed)
        units = [shape.unit(author) for _ in range(round(SENTENCES / shape.sentences))]
        text = shape.between.join(units)
        before = list(passages(shape.document(text), 512))
        embedded = {embedded_text(passage) for passage in before}
        for edit in edits(author, shape, units):
            after = passages(shape.document(text[: edit.start] + edit.put + text[edit.end :]), 512)
            new += sum(embedded_text(passage) not in embedded for passage in after)
            touched += sum(edit.touches(passage) for passage in before)
    assert touched >= len(SEEDS) * EDITS * 0.9
    assert new <= MOST_NEW_PER_TOUCHED * touched, f"{new} new passages for {touched} that were touched"
