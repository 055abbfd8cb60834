"""Formats that kreuzberg turns into Markdown."""

from pathlib import PurePath

from kreuzberg import ExtractionConfig, ExtractionResult, PageConfig, extract_bytes_sync, extract_file_sync
from kreuzberg.exceptions import KreuzbergError

from shared.errors import DocumentError
from shared.retrieval.extraction.containers import check_members, members
from shared.retrieval.extraction.document import Document
from shared.retrieval.extraction.encoding import clean
from shared.retrieval.extraction.formats import PICTURES, Source
from shared.retrieval.extraction.limits import Limits
from shared.retrieval.extraction.readers.markdown import with_headings


def read(source: Source, limits: Limits) -> Document:
    """Raise DocumentError: `invalid_file` for what is damaged, encrypted or a bomb, `needs_ocr` for pictures only."""
    text = clean(converted(source, limits, config()).content)
    if not text.strip():
        check_for_pictures(source)
    return with_headings(text)


def converted(source: Source, limits: Limits, how: ExtractionConfig) -> ExtractionResult:
    if source.format.members:
        check_members(source, limits.max_member_bytes)
    try:
        return extract_file_sync(source.path, source.format.mime, how)
    except (KreuzbergError, OSError) as error:  # OSError: a member of the container that does not unpack
        message = f"{source.label} is damaged or truncated: it cannot be read as {source.format.name}."
        raise DocumentError(message, code="invalid_file") from error


def check_for_pictures(source: Source) -> None:
    """Raise DocumentError `needs_ocr` when a container without text has pictures in it."""
    names = [member.filename for member in members(source)] if source.format.members else []
    if any(PurePath(name).suffix.lower() in PICTURES and "thumbnail" not in name.lower() for name in names):
        message = f"{source.label} has no text, only images: it needs OCR before it can be indexed."
        raise DocumentError(message, code="needs_ocr")


def markdown_of(markup: str, mime: str) -> str:
    return extract_bytes_sync(markup.encode(), mime, config()).content


def config(pages: PageConfig | None = None) -> ExtractionConfig:
    """No tokenizer, model or OCR data is ever loaded from somewhere else."""
    # Its score of an HTML file's quality, which nobody reads, takes as long as the conversion.
    how = ExtractionConfig(output_format="markdown", use_cache=False, enable_quality_processing=False, pages=pages)
    how.max_archive_depth = 1
    setattr(how, "disable_ocr", True)  # noqa: B010 - the stub of kreuzberg 4.10 does not know it
    return how
