"""Exporting a tenant: how far it is, and what gives the bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

EXPORTS = "exports"
"""Container of exports: `{tenant}/export.zip`, deleted after a week."""


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """The entry of the archive that is being written: where it begins, and what is known of it so far."""

    name: str
    offset: int
    crc: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """How far an archive is: `blocks` of entries, then `indexes`, blocks of its directory, are staged under the id."""

    offset: int = 0
    blocks: int = 0
    indexes: int = 0
    index_bytes: int = 0
    entries: int = 0
    open: OpenEntry | None = None


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """A tenant's newest export. `run` tells its blocks from those of the one before."""

    tenant: str
    run: str
    requested_at: datetime
    id: str = "export"
    state: Literal["running", "failed", "done"] = "running"
    source: str = ""
    position: str | None = None
    written: Written = field(default_factory=Written)
    finished_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """The next bytes of an entry, of which `last` are the last. No other entry comes in between."""

    name: str
    content: bytes
    last: bool = True


@dataclass(frozen=True, slots=True)
class Portion:
    """What one turn of a source gives, and where the next goes on; None when the source has no more."""

    pieces: Sequence[Piece]
    position: str | None


class Source(Protocol):
    """A kind of thing that a tenant has. Every turn is short, gives a few megabytes at most, and may be repeated."""

    async def turn(self, tenant: str, position: str | None) -> Portion: ...
