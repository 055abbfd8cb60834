"""PDF: the text of each page, and the outline as headings."""

import re
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import cast

import pypdfium2 as pdfium

from shared.errors import DocumentError
from shared.retrieval.extraction.document import Document, Heading
from shared.retrieval.extraction.encoding import clean
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import Limits

_PAGE_BREAK = "\n\n"
_MAX_HEADINGS = 20_000
_MAX_TITLE = 200
_PASSWORD_NEEDED = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
_HYPHENS = str.maketrans("", "", "\x02\ufffe")  # where pdfium has joined a word that was broken at the end of a line


def read(source: Source, limits: Limits) -> Document:
    """Raise DocumentError: `invalid_file` if encrypted, damaged or over a limit, `needs_ocr` if no page has text."""
    with closing(_opened(source)) as pdf:
        if len(pdf) > limits.max_pages:
            message = f"{source.label} has {len(pdf):,} pages; {limits.max_pages:,} are allowed."
            raise DocumentError(message, code="invalid_file")
        pages = _page_texts(source, pdf, limits)
        if not any(map(str.strip, pages)):
            message = f"{source.label} has no text, only images: it needs OCR before it can be indexed."
            raise DocumentError(message, code="needs_ocr")
        starts = _starts(pages)
        return Document(_PAGE_BREAK.join(pages), page_starts=starts, headings=_headings(pdf, pages, starts))


def _opened(source: Source) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(source.path)
    except pdfium.PdfiumError as error:
        if error.err_code in _PASSWORD_NEEDED:
            message = f"{source.label} is encrypted; upload it without a password."
        else:
            message = f"{source.label} is damaged or truncated: it cannot be read as PDF."
        raise DocumentError(message, code="invalid_file") from error


def _page_texts(source: Source, pdf: pdfium.PdfDocument, limits: Limits) -> list[str]:
    pages: list[str] = []
    characters = 0
    for index in range(len(pdf)):
        pages.append(_page_text(source, pdf, index))
        characters += len(pages[-1])
        if characters > limits.max_characters:
            message = f"{source.label} has more text than the {limits.max_characters:,} characters that are allowed."
            raise DocumentError(message, code="invalid_file")
    return pages


def _page_text(source: Source, pdf: pdfium.PdfDocument, index: int) -> str:
    try:
        with closing(pdf[index]) as page, closing(page.get_textpage()) as text:
            return clean(text.get_text_bounded()).translate(_HYPHENS)
    except pdfium.PdfiumError as error:
        message = f"{source.label} is damaged: its page {index + 1} cannot be read."
        raise DocumentError(message, code="invalid_file") from error


def _starts(pages: list[str]) -> tuple[int, ...]:
    starts: list[int] = []
    at = 0
    for page in pages:
        starts.append(at)
        at += len(page) + len(_PAGE_BREAK)
    return tuple(starts)


def _headings(pdf: pdfium.PdfDocument, pages: list[str], starts: tuple[int, ...]) -> tuple[Heading, ...]:
    found = (_heading(*entry, pages, starts) for entry in islice(_outline(pdf), _MAX_HEADINGS))
    return tuple(sorted(found, key=lambda heading: heading.start))


def _outline(pdf: pdfium.PdfDocument) -> Iterator[tuple[int, str, int]]:
    """(level, title, page index) of every entry that leads to a page of this document."""
    bookmarks = cast("Iterator[pdfium.PdfBookmark]", pdf.get_toc())
    for bookmark in bookmarks:
        target = bookmark.get_dest()
        index = cast("int | None", target.get_index()) if target else None
        title = " ".join(clean(bookmark.get_title()).split())[:_MAX_TITLE]
        if title and index is not None and 0 <= index < len(pdf):
            yield bookmark.level + 1, title, index


def _heading(level: int, title: str, index: int, pages: list[str], starts: tuple[int, ...]) -> Heading:
    """Where the title stands on its page, however it is broken into lines; the top of the page if it does not."""
    words = r"\s+".join(map(re.escape, title.split()))
    found = re.search(words, pages[index], re.IGNORECASE)
    return Heading(level, title, starts[index] + (found.start() if found else 0))
