"""Which format a file is in, by its content; its name decides only between formats that are all text."""

import re
from dataclasses import replace

from shared.errors import DocumentError
from shared.retrieval.extraction.containers import members
from shared.retrieval.extraction.encoding import is_text
from shared.retrieval.extraction.formats import (
    ACCEPTED,
    FOREIGN,
    FOREIGN_TEXT,
    FORMATS,
    HTML,
    PDF,
    TEXT,
    Format,
    Source,
    by_extension,
)

_HEAD_BYTES = 4096
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_BYTES = 2**20  # of the file: its directory is near the start in what Office writes
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_PROLOGUE = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s+|<\?xml[^>]*>|<!--[^>]*-->)*")


def identify(source: Source) -> Source:
    """The source with its true format. Raise DocumentError `unsupported_file` or `invalid_file` if it has none."""
    with source.path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return replace(source, format=_format(source, head))


def _format(source: Source, head: bytes) -> Format:
    claimed = by_extension(source.filename)
    if found := _by_magic(head, claimed):
        return found
    if head.startswith(_ZIP):
        return _by_members(source)
    if not is_text(head):
        raise _binary(source, head, claimed)
    if kind := _foreign(head, FOREIGN_TEXT):
        raise _unsupported(source, kind)
    if _is_html(head):
        return HTML
    return claimed if claimed and claimed.textual else TEXT


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
    if head.startswith(_OLE):
        return _ole(source)
    if kind := _foreign(head, FOREIGN):
        return _unsupported(source, kind)
    if claimed and not claimed.textual:
        message = f"{source.label} is damaged: it does not begin as {claimed.name} does."
        return DocumentError(message, code="invalid_file")
    return _unsupported(source, "binary, in no format that we know")


def _ole(source: Source) -> DocumentError:
    """Office encrypts a document by packing it into the container of its old binary formats."""
    with source.path.open("rb") as file:
        if _ENCRYPTED_PACKAGE in file.read(_OLE_BYTES):
            return DocumentError(f"{source.label} is encrypted; upload it without a password.", code="invalid_file")
    return _unsupported(source, "in an old binary Office format")


def _foreign(head: bytes, kinds: tuple[tuple[bytes, str], ...]) -> str | None:
    return next((kind for magic, kind in kinds if head.startswith(magic)), None)


def _unsupported(source: Source, kind: str) -> DocumentError:
    return DocumentError(f"{source.label} is {kind}. {ACCEPTED}", code="unsupported_file")
