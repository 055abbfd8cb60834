"""Plain text, CSV and source code."""

from shared.errors import DocumentError
from shared.retrieval.extraction.document import Document
from shared.retrieval.extraction.encoding import decode
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import Limits

_MAX_BYTES_PER_CHARACTER = 4


def read(source: Source, limits: Limits) -> Document:
    return Document(text_of(source, limits))


def text_of(source: Source, limits: Limits) -> str:
    """Raise DocumentError `invalid_file` when it is too long in any encoding; then it is not even loaded."""
    if source.path.stat().st_size > limits.max_characters * _MAX_BYTES_PER_CHARACTER:
        message = f"{source.label} has more text than the {limits.max_characters:,} characters that are allowed."
        raise DocumentError(message, code="invalid_file")
    return decode(source.path.read_bytes())
