"""A file on its way in."""

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a multipart form, spooled to disk when it is large. `file` stands at its beginning."""

    filename: str
    content_type: str | None
    size_bytes: int
    file: BinaryIO
