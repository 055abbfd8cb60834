"""What lies in a ZIP container, read from its directory without unpacking anything."""

from typing import TYPE_CHECKING

from shared.errors import DocumentError
from shared.retrieval.extraction.formats import Source
from shared.retrieval.extraction.limits import mib

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zipfile import ZipInfo

_ENCRYPTED = 1
_MARKUP = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx", ".css")
_TOTAL = 3


def members(source: Source) -> "Sequence[ZipInfo]":
    """Raise DocumentError `invalid_file` when the directory is missing, which is at the end: a truncated file."""
    from zipfile import BadZipFile, ZipFile  # noqa: PLC0415 - a tenth of the child's start, for archives only

    try:
        with ZipFile(source.path) as archive:
            return archive.infolist()
    except (BadZipFile, NotImplementedError, ValueError) as error:
        message = f"{source.label} is damaged or truncated: its ZIP container cannot be read."
        raise DocumentError(message, code="invalid_file") from error


def check_members(source: Source, max_member_bytes: int) -> None:
    """Raise DocumentError `invalid_file` for encryption, and for what would unpack to too much.

    Pictures and sounds are not unpacked, so they may be of any size.
    """
    unpacked = 0
    for member in members(source):
        if member.flag_bits & _ENCRYPTED:
            raise DocumentError(f"{source.label} is encrypted; upload it without a password.", code="invalid_file")
        if member.filename.endswith(_MARKUP):
            unpacked += member.file_size
            _check_size(source, f"{mib(member.file_size)} in {member.filename!r}", member.file_size, max_member_bytes)
    _check_size(source, mib(unpacked), unpacked, max_member_bytes * _TOTAL)


def _check_size(source: Source, what: str, size_bytes: int, most_bytes: int) -> None:
    if size_bytes > most_bytes:
        message = f"{source.label} unpacks to {what}; {mib(most_bytes)} are allowed."
        raise DocumentError(message, code="invalid_file")
