"""What a document is while it is being read, and what comes out: its passages."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` counts from 1; `start` is the character of the document's text where the heading begins."""

    level: int
    title: str
    start: int


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a file, or of a part of it. `page_starts` holds the character where each page begins, if it has any.

    For a part, `char_start` is where its text begins in the file's, and `pages_before` how many pages precede it;
    `page_starts` and `headings` count from the part's own beginning.
    """

    text: str
    page_starts: tuple[int, ...] = ()
    headings: tuple[Heading, ...] = ()
    char_start: int = 0
    pages_before: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A range of a file that is too large to be read in one go, `end` exclusive.

    `unit` says what `start` and `end` count: pages of a PDF from 0, bytes of a plain text, or characters of what a file
    of any other format says. `char_start` is where the part's text begins in the whole. `encoding` is set for bytes.
    """

    unit: Literal["pages", "bytes", "characters"]
    start: int
    end: int
    char_start: int
    encoding: str = ""

    @property
    def byte_range(self) -> tuple[int, int] | None:
        """The only bytes of the file that reading the part takes, end exclusive; None when it takes all of it."""
        return (self.start, self.end) if self.unit == "bytes" else None


@dataclass(frozen=True, slots=True)
class Cut:
    """How large passages may be, and how much of one the next may repeat."""

    max_tokens: int
    overlap_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that fits a model. `text` is exactly the document's text from char_start to char_end.

    Spans are characters, end exclusive; pages count from 1, None if pageless; `headings` is the path from the top down
    to where the passage begins; `tokens` is exact (o200k).
    """

    text: str
    char_start: int
    char_end: int
    page_start: int | None
    page_end: int | None
    headings: tuple[str, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Extracted:
    """The passages of a file, or of one part of it; `characters` and `pages` are of the same.

    A file that is too large for one go has `parts` instead of passages: each is extracted by itself, in any order.
    The parts follow one another without a gap.
    """

    passages: tuple[Passage, ...]
    characters: int
    pages: int | None
    parts: tuple[Part, ...] = ()
