"""What the child makes of a job: a document to cut into passages, or the parts of one that is too large."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from typing import Protocol, cast

from shared.errors import DocumentError
from shared.retrieval.extraction.document import Document, Part
from shared.retrieval.extraction.formats import READERS, TEXT, Source
from shared.retrieval.extraction.limits import Limits, mib
from shared.retrieval.extraction.parts import parts_of, piece
from shared.retrieval.extraction.sniffing import identify


class _Reader(Protocol):
    def read(self, source: Source, limits: Limits) -> Document: ...


class _PartReader(_Reader, Protocol):
    """Reads a part of a file without the rest of it."""

    def parts(self, source: Source, limits: Limits) -> Iterator[Part]:
        """None if the file is small enough to be read as a whole."""
        ...

    def read_part(self, source: Source, limits: Limits, part: Part) -> Document: ...


_BY_PARTS = {"pages": "pdf", "bytes": "text"}


def parts(source: Source, limits: Limits) -> tuple[Part, ...] | Document:
    """Raise DocumentError for a file that cannot be indexed."""
    source = _identified(source, limits)
    if source.format.reader in _BY_PARTS.values():
        reader = cast("_PartReader", _reader(source.format.reader))
        if found := tuple(reader.parts(source, limits)):
            return found
    document = _read(source, limits)
    if len(document.text) <= limits.part_bytes:
        return document
    return tuple(parts_of(document, limits.part_bytes))


def part(source: Source, limits: Limits, wanted: Part) -> Document:
    """Only that part. It may be blank: others may not be."""
    if wanted.unit == "characters":
        return piece(_read(_identified(source, limits), limits), wanted)
    return cast("_PartReader", _reader(_BY_PARTS[wanted.unit])).read_part(source, limits, wanted)


def _identified(source: Source, limits: Limits) -> Source:
    size = source.path.stat().st_size
    if size > limits.max_bytes:
        message = f"{source.label} has {mib(size)}; {mib(limits.max_bytes)} are allowed."
        raise DocumentError(message, code="invalid_file")
    if not size:
        raise DocumentError(f"{source.label} is empty: it has 0 bytes.", code="empty")
    source = identify(source)
    plain = source.format.plain_beyond_limit and size > limits.max_whole_bytes
    return replace(source, format=TEXT) if plain else source


def _read(source: Source, limits: Limits) -> Document:
    document = _reader(source.format.reader).read(source, limits)
    if len(document.text) > limits.max_characters:
        message = f"{source.label} has {len(document.text):,} characters; {limits.max_characters:,} are allowed."
        raise DocumentError(message, code="invalid_file")
    if not document.text.strip():
        raise DocumentError(f"{source.label} has no text in it.", code="empty")
    return document


def _reader(name: str) -> _Reader:
    return cast("_Reader", import_module(f"{READERS}.{name}"))
