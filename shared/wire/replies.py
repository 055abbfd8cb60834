"""What a trigger hands to the edge: one JSON model, or one of these."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Relayed:
    """JSON that is on the wire already: passed on byte for byte."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Streamed:
    """Server-sent events, each piece ending where an event ends.

    The generator has been started already, so that its `finally` runs whatever becomes of the response: a generator
    that was never started is dropped without a word.
    """

    events: AsyncGenerator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Download:
    """A file's content in pieces: all of it, or the bytes of a range, its end exclusive."""

    content: AsyncIterator[bytes]
    filename: str
    size_bytes: int
    content_type: str = "application/octet-stream"
    etag: str = ""
    byte_range: tuple[int, int] | None = None


type Reply = BaseModel | Relayed | Streamed | Download
