"""Formats that kreuzberg turns into Markdown."""

from kreuzberg import ExtractionConfig, extract_bytes_sync, extract_file_sync
from kreuzberg.exceptions import KreuzbergError

from shared.errors import DocumentError
from shared.retrieval.extraction.containers import check_members
from shared.retrieval.extraction.document import Document
from shared.retrieval.extraction.encoding import clean
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import Limits
from shared.retrieval.extraction.readers.markdown import with_headings


def read(source: Source, limits: Limits) -> Document:
    """Raise DocumentError `invalid_file` for what is damaged, encrypted or a bomb."""
    check_members(source, limits.max_member_bytes)
    try:
        result = extract_file_sync(source.path, source.format.mime, _config())
    except (KreuzbergError, OSError) as error:  # OSError: a member of the container that does not unpack
        message = f"{source.label} is damaged or truncated: it cannot be read as {source.format.name}."
        raise DocumentError(message, code="invalid_file") from error
    return with_headings(clean(result.content))


def markdown_of(markup: str, mime: str) -> str:
    return extract_bytes_sync(markup.encode(), mime, _config()).content


def _config() -> ExtractionConfig:
    return ExtractionConfig(output_format="markdown", use_cache=False)
