"""PDF: the text of each page, and the outline as headings."""

import re
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import cast

import pypdfium2 as pdfium
from pypdfium2 import raw

from shared.errors import DocumentError
from shared.retrieval.extraction.document import Document, Heading, Part
from shared.retrieval.extraction.encoding import clean
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import Limits

_PAGE_BREAK = "\n\n"
_MAX_HEADINGS = 20_000
_MAX_TITLE = 200
_MOST_PICTURED = 9  # pages without text, of those on which something is drawn, for each page with text
_PASSWORD_NEEDED = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY
_HYPHENS = "\x02", "\ufffe"  # where pdfium has joined a word that was broken at the end of a line


def read(source: Source, limits: Limits) -> Document:
    """Raise DocumentError: `invalid_file` if encrypted, damaged or over a limit, `needs_ocr` if most is images."""
    with closing(_opened(source, limits)) as pdf:
        pages = list(_Survey(source, limits).texts(pdf))
        return _document(pdf, pages, Part("pages", 0, len(pdf), 0))


def parts(source: Source, limits: Limits) -> Iterator[Part]:
    """None if it has few pages. Every page is read, so that what is wrong with any is known before one is indexed."""
    with closing(_opened(source, limits)) as pdf:
        if len(pdf) <= limits.part_pages:
            return
        start = characters = before = 0
        for index, text in enumerate(_Survey(source, limits).texts(pdf), 1):
            characters += len(text) + len(_PAGE_BREAK)
            if index == len(pdf) or index - start == limits.part_pages:
                yield Part("pages", start, index, before)
                start, before = index, characters


def read_part(source: Source, limits: Limits, part: Part) -> Document:
    with closing(_opened(source, limits)) as pdf:
        pages = [_page_text(source, pdf, index)[0] for index in range(part.start, part.end)]
        return _document(pdf, pages, part)


def _document(pdf: pdfium.PdfDocument, pages: list[str], part: Part) -> Document:
    starts = _starts(pages)
    headings = _headings(pdf, pages, starts, part.start)
    return Document(_PAGE_BREAK.join(pages), starts, headings, part.char_start, part.start)


class _Survey:
    """Refuses a document whose pages have too much text, or hardly any."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source = source
        self._most = limits.max_characters
        self._characters = self._written = self._pictured = 0

    def texts(self, pdf: pdfium.PdfDocument) -> Iterator[str]:
        for index in range(len(pdf)):
            text, pictured = _page_text(self._source, pdf, index)
            self._count(text, pictured=pictured)
            yield text
        self._check_share()

    def _count(self, text: str, *, pictured: bool) -> None:
        written = bool(text.strip())
        self._characters += len(text)
        self._written += written
        self._pictured += pictured and not written
        if self._characters > self._most:
            label = self._source.label
            message = f"{label} has more text than the {self._most:,} characters that are allowed."
            raise DocumentError(message, code="invalid_file")

    def _check_share(self) -> None:
        """A cover sheet before a hundred scanned pages must not pass for the document."""
        if self._pictured <= self._written * _MOST_PICTURED:
            return
        pages = self._written + self._pictured
        share = f"text on {self._written:,} of its {pages:,} pages" if self._written else "no text, only images"
        message = f"{self._source.label} has {share}: it needs OCR before it can be indexed."
        raise DocumentError(message, code="needs_ocr")


def _opened(source: Source, limits: Limits) -> pdfium.PdfDocument:
    pdf = _loaded(source)
    if len(pdf) > limits.max_pages:
        message = f"{source.label} has {len(pdf):,} pages; {limits.max_pages:,} are allowed."
        raise DocumentError(message, code="invalid_file")
    return pdf


def _loaded(source: Source) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(source.path)
    except pdfium.PdfiumError as error:
        if error.err_code in _PASSWORD_NEEDED:
            message = f"{source.label} is encrypted; upload it without a password."
        else:
            message = f"{source.label} is damaged or truncated: it cannot be read as PDF."
        raise DocumentError(message, code="invalid_file") from error


def _page_text(source: Source, pdf: pdfium.PdfDocument, index: int) -> tuple[str, bool]:
    """What the page says, and whether anything is drawn on it."""
    try:
        with closing(pdf[index]) as page, closing(page.get_textpage()) as text:
            drawn = bool(raw.FPDFPage_CountObjects(page))
            said = clean(text.get_text_bounded())
            for hyphen in _HYPHENS:
                said = said.replace(hyphen, "")
            return said, drawn
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


def _headings(pdf: pdfium.PdfDocument, pages: list[str], starts: tuple[int, ...], first: int) -> tuple[Heading, ...]:
    """Of all pages up to the last of these; `first` is the index of the first of these."""
    outline = (entry for entry in _outline(pdf) if entry[2] < first + len(pages))
    found = (
        _heading(level, title, index - first, pages, starts) if index >= first else Heading(level, title, 0)
        for level, title, index in islice(outline, _MAX_HEADINGS)
    )
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
    return Heading(level, title, starts[index] + _place(title, pages[index]))


def _place(title: str, page: str) -> int:
    lines = page.lower().replace("\n", " ")
    if len(lines) == len(page) and (at := lines.find(title.lower())) >= 0:
        return at  # as almost always: to compile a pattern for each title took a tenth of the time
    found = re.search(r"\s+".join(map(re.escape, title.split())), page, re.IGNORECASE)
    return found.start() if found else 0
