"""Plain text, CSV and source code: as it is, and if it is large, in parts of which only one is in memory at a time."""

from codecs import getincrementaldecoder
from collections.abc import Iterator

from shared.errors import DocumentError
from shared.retrieval.extraction.document import Document, Part
from shared.retrieval.extraction.encoding import decode, decode_as, encoding_of, unit_bytes
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import Limits
from shared.retrieval.extraction.parts import line_cut

_MAX_BYTES_PER_CHARACTER = 4
_BLOCK = 2**20


def read(source: Source, limits: Limits) -> Document:
    return Document(text_of(source, limits))


def text_of(source: Source, limits: Limits) -> str:
    """Raise DocumentError `invalid_file` when it is too long in any encoding; then it is not even loaded."""
    if source.path.stat().st_size > limits.max_characters * _MAX_BYTES_PER_CHARACTER:
        message = f"{source.label} has more text than the {limits.max_characters:,} characters that are allowed."
        raise DocumentError(message, code="invalid_file")
    return decode(source.path.read_bytes())


def parts(source: Source, limits: Limits) -> Iterator[Part]:
    """None if it is small. The text of the file is that of its parts, one after another."""
    if source.path.stat().st_size <= limits.part_bytes:
        return
    encoding = encoding_of(_blocks(source))
    start = characters = 0
    for slice_ in _slices(source, limits.part_bytes, encoding):
        end = start + len(slice_)
        yield Part("bytes", start, end, characters, encoding)
        characters += len(decode_as(slice_, encoding))
        start = end


def read_part(source: Source, limits: Limits, part: Part) -> Document:  # noqa: ARG001 - as every reader's
    """The file holds only the part's bytes."""
    return Document(decode_as(source.path.read_bytes(), part.encoding), char_start=part.char_start)


def _blocks(source: Source) -> Iterator[bytes]:
    with source.path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _slices(source: Source, size: int, encoding: str) -> Iterator[bytes]:
    """Cut between lines, or at least between characters."""
    unit = unit_bytes(encoding)
    newline = "\n".encode(encoding)
    with source.path.open("rb") as file:
        rest = b""
        while window := rest + file.read(size - len(rest)):
            whole = len(window) < size
            cut = len(window) if whole else line_cut(window, newline, unit) or _character_cut(window, encoding)
            yield window[:cut]
            rest = window[cut:]


def _character_cut(window: bytes, encoding: str) -> int:
    decoder = getincrementaldecoder(encoding)("replace")
    decoder.decode(window)
    return len(window) - len(decoder.getstate()[0])
