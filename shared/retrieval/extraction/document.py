"""What a document is while it is being read, and what comes out: its passages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` counts from 1; `start` is the character of the document's text where the heading begins."""

    level: int
    title: str
    start: int


@dataclass(frozen=True, slots=True)
class Document:
    """The whole text of a file. `page_starts` holds the character where each page begins; empty if pageless."""

    text: str
    markdown: bool = False
    page_starts: tuple[int, ...] = ()
    headings: tuple[Heading, ...] = ()


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
    passages: tuple[Passage, ...]
    characters: int
    pages: int | None
