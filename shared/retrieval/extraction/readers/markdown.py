"""Markdown, and the headings in it."""

from collections.abc import Iterator

from shared.retrieval.extraction.document import Document, Heading
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import Limits
from shared.retrieval.extraction.readers.text import text_of

_FENCES = ("```", "~~~")
_MAX_LEVEL = 6
_UNDERLINES = {"=": 1, "-": 2}


def read(source: Source, limits: Limits) -> Document:
    return with_headings(text_of(source, limits))


def with_headings(text: str, page_starts: tuple[int, ...] = ()) -> Document:
    return Document(text, page_starts, tuple(_headings(text)))


def _headings(text: str) -> Iterator[Heading]:
    """ATX and single-line setext headings outside of fenced code, by the lines they stand on."""
    fence, start, above, before = "", 0, "", ""
    for line in text.split("\n"):
        bare = line.strip()
        if fence or bare.startswith(_FENCES):
            fence = _fence(fence, bare)
        elif bare.startswith("#") and (heading := _atx(bare, start)):
            yield heading
        elif above and not before and (level := _underline(bare)):
            yield Heading(level, above, start - 1 - len(above))
        start += len(line) + 1
        above, before = "" if fence else line, above


def _fence(fence: str, bare: str) -> str:
    """The fence that is open after this line."""
    if not fence:
        return bare[:3]
    return "" if bare.startswith(fence) else fence


def _atx(bare: str, start: int) -> Heading | None:
    rest = bare.lstrip("#")
    level = len(bare) - len(rest)
    if not 0 < level <= _MAX_LEVEL or not rest.startswith((" ", "\t")):
        return None
    title = rest.strip().rstrip("#").strip(" *_`")
    return Heading(level, title, start) if title else None


def _underline(bare: str) -> int:
    """The level that a line of only = or - gives to the line above, or 0."""
    return _UNDERLINES.get(bare[:1], 0) if bare and not bare.strip(bare[0]) else 0
