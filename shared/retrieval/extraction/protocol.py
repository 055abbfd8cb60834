"""What the extractor and its child say to each other: one JSON array a line, the kind first."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cache

from shared.retrieval.extraction.document import Cut, Part, Passage
from shared.retrieval.extraction.limits import Limits

MAX_LINE_BYTES = 2**20
"""No passage comes near it: 4,096 tokens of at most 128 characters, which are all spaces then."""

_TOGETHER = 2**15
"""Characters, of at most 12 bytes each: with them and one passage more, a line is still shorter than that."""


@dataclass(frozen=True, slots=True)
class Start:
    """First line to the child. `parent_pid` lets it notice a parent that died before it could ask to die with it."""

    parent_pid: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class Job:
    """`part` is None for a whole file."""

    path: str
    filename: str
    part: Part | None
    cut: Cut


@dataclass(frozen=True, slots=True)
class Ready:
    """The child has confined itself and waits for a document."""


@dataclass(frozen=True, slots=True)
class Passages:
    """The next of a document, as many as fit a line: one by one they took a fifth of the event loop."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The document's last line. `resident_bytes` is what the child holds now."""

    characters: int
    pages: int | None
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The document is at fault; the child is fine."""

    code: str
    message: str
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The child's last words: it ends with an error that nobody foresaw."""

    out_of_memory: bool
    detail: str


type Line = Start | Job | Ready | Passages | Part | Done | Refused | Failed

_KINDS = {kind.__name__: kind for kind in (Start, Job, Ready, Passages, Part, Done, Refused, Failed)}


def encode(line: Line) -> bytes:
    return json.dumps([type(line).__name__, *_fields(line)], default=_fields).encode() + b"\n"


def decode(raw: bytes) -> Line:
    kind, *values = json.loads(raw)
    if kind == "Start":
        return Start(values[0], Limits(*values[1]))
    if kind == "Job":
        return Job(values[0], values[1], Part(*values[2]) if values[2] else None, Cut(*values[3]))
    if kind == "Passages":
        return Passages(tuple(_passage(*each) for each in values[0]))
    return _KINDS[kind](*values)


def together(passages: Iterable[Passage]) -> Iterator[Passages]:
    """In lines, none of which is too long."""
    some: list[Passage] = []
    characters = 0
    for passage in passages:
        some.append(passage)
        characters += len(passage.text) + sum(map(len, passage.headings))
        if characters > _TOGETHER:
            yield Passages(tuple(some))
            some, characters = [], 0
    if some:
        yield Passages(tuple(some))


def _passage(
    text: str, start: int, end: int, first: int | None, last: int | None, headings: list[str], tokens: int
) -> Passage:
    return Passage(text, start, end, first, last, tuple(headings), tokens)


def _fields(value: Line | Limits | Cut | Passage) -> list[object]:
    return [getattr(value, name) for name in _names(type(value))]


@cache
def _names(kind: type[Line | Limits | Cut | Passage]) -> list[str]:
    return [field.name for field in fields(kind)]
