"""What a trigger may hand to the edge when the answer is not simply one JSON model."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Relayed:
    """JSON that is on the wire already: passed on byte for byte."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Streamed:
    """Server-sent events, each piece ending where an event ends. Closing the generator cancels what feeds it."""

    events: AsyncGenerator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Download:
    """A file's content in pieces."""

    content: AsyncIterator[bytes]
    filename: str
    size_bytes: int
    content_type: str = "application/octet-stream"
