"""Which format a file is in, by its content; its name decides only between formats that are all text."""

import re
from dataclasses import replace

from shared.errors import DocumentError
from shared.retrieval.extraction.containers import members
from shared.retrieval.extraction.encoding import is_text
from shared.retrieval.extraction.formats import (
    ACCEPTED,
    EML,
    FOREIGN,
    FOREIGN_TEXT,
    FORMATS,
    HTML,
    IMAGES,
    MSG,
    NOTEBOOK,
    PDF,
    TEXT,
    Format,
    Source,
    by_extension,
)

_HEAD_BYTES = 4096
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE_BYTES = 2**20  # of the file: its directory is near the start in what Office writes
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_MESSAGE = "__substg1.0_".encode("utf-16-le")
_NOTEBOOK = re.compile(rb'\s*\{(?=.{0,2000}"cell_type")\s*"(?:cells|metadata|nbformat)', re.DOTALL)
_FIELDS = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*)+")
_FIELD_NAME = re.compile(rb"^([A-Za-z][A-Za-z0-9-]*):", re.MULTILINE)
_MAIL_FIELDS = {b"message-id", b"mime-version", b"received", b"return-path"}
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_OFTEN_MISNAMED = (None, TEXT, by_extension("a.json"))
_PROLOGUE = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s+|<\?xml[^>]*>|<!--[^>]*-->)*")


def identify(source: Source) -> Source:
    """The source with its true format. Raise DocumentError `unsupported_file` or `invalid_file` if it has none."""
    with source.path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return replace(source, format=_format(source, head))


def _format(source: Source, head: bytes) -> Format:
    claimed = by_extension(source.filename)
    if head.startswith(MSG.magic):
        return _ole(source)
    if found := _by_magic(head, claimed):
        return found
    if head.startswith(_ZIP):
        return _by_members(source)
    if not is_text(head):
        raise _binary(source, head, claimed)
    if kind := _foreign(head, FOREIGN_TEXT):
        raise _unsupported(source, kind)
    return _by_shape(head, claimed)


def _by_shape(head: bytes, claimed: Format | None) -> Format:
    """Text tells its format by how it begins; by its name only where many formats begin alike."""
    if _is_html(head):
        return HTML
    if claimed in _OFTEN_MISNAMED and _NOTEBOOK.match(head):
        return NOTEBOOK
    if claimed in _OFTEN_MISNAMED and _is_mail(head):
        return EML
    return claimed if claimed and claimed.textual else TEXT


def _is_mail(head: bytes) -> bool:
    """A block of header fields with those that no other file has together (RFC 5322)."""
    fields = _FIELDS.match(head)
    names = {name.lower() for name in _FIELD_NAME.findall(fields[0])} if fields else set[bytes]()
    return b"from" in names and bool(names & _MAIL_FIELDS)


def _by_magic(head: bytes, claimed: Format | None) -> Format | None:
    if claimed is PDF and PDF.magic in head[:1024]:  # a PDF may have up to a kilobyte of anything before its header
        return PDF
    return next((each for each in FORMATS if each.magic and head.startswith(each.magic)), None)


def _by_members(source: Source) -> Format:
    names = [member.filename for member in members(source)]
    for each in FORMATS:
        if each.members and all(any(name.startswith(need) for name in names) for need in each.members):
            return each
    raise _unsupported(source, "a ZIP archive")


def _is_html(head: bytes) -> bool:
    prologue = _PROLOGUE.match(head)
    return bool(_HTML.match(head, prologue.end() if prologue else 0))


def _binary(source: Source, head: bytes, claimed: Format | None) -> DocumentError:
    if kind := _foreign(head, IMAGES):
        message = f"{source.label} is {kind}: it needs OCR before it can be indexed."
        return DocumentError(message, code="needs_ocr")
    if kind := _foreign(head, FOREIGN):
        return _unsupported(source, kind)
    if claimed and not claimed.textual:
        message = f"{source.label} is damaged: it does not begin as {claimed.name} does."
        return DocumentError(message, code="invalid_file")
    return _unsupported(source, "binary, in no format that we know")


def _ole(source: Source) -> Format:
    """Outlook's messages, Office's old formats, and encrypted documents share a container (MS-CFB)."""
    with source.path.open("rb") as file:
        names = file.read(_OLE_BYTES)
    if _ENCRYPTED_PACKAGE in names:
        raise DocumentError(f"{source.label} is encrypted; upload it without a password.", code="invalid_file")
    if _MESSAGE in names:
        return MSG
    raise _unsupported(source, "in an old binary Office format")


def _foreign(head: bytes, kinds: tuple[tuple[bytes, str], ...]) -> str | None:
    return next((kind for magic, kind in kinds if head.startswith(magic)), None)


def _unsupported(source: Source, kind: str) -> DocumentError:
    return DocumentError(f"{source.label} is {kind}. {ACCEPTED}", code="unsupported_file")
