"""What the extractor and its child say to each other: one JSON array a line, the kind first."""

import json
from dataclasses import dataclass, fields

from shared.retrieval.extraction.document import Cut, Part, Passage
from shared.retrieval.extraction.limits import Limits

MAX_LINE_BYTES = 2**20
"""No passage comes near it: 4,096 tokens of at most 128 characters."""


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


type Line = Start | Job | Ready | Passage | Part | Done | Refused | Failed

_KINDS = {kind.__name__: kind for kind in (Start, Job, Ready, Passage, Part, Done, Refused, Failed)}


def encode(line: Line) -> bytes:
    values = [getattr(line, field.name) for field in fields(line)]
    return json.dumps([type(line).__name__, *values], default=_fields).encode() + b"\n"


def decode(raw: bytes) -> Line:
    kind, *values = json.loads(raw)
    if kind == "Start":
        return Start(values[0], Limits(*values[1]))
    if kind == "Job":
        return Job(values[0], values[1], Part(*values[2]) if values[2] else None, Cut(*values[3]))
    if kind == "Passage":
        values[5] = tuple(values[5])
    return _KINDS[kind](*values)


def _fields(nested: Limits | Part | Cut) -> list[object]:
    return [getattr(nested, field.name) for field in fields(nested)]
