"""Every format that is read, in one table: to widen it, add a row and, if none fits, a reader."""

from dataclasses import dataclass, field
from pathlib import Path, PurePath

READERS = "shared.retrieval.extraction.readers"
TYPES = "[Content_Types].xml"
OASIS = "application/vnd.oasis.opendocument"
OPEN_XML = "application/vnd.openxmlformats-officedocument"


@dataclass(frozen=True, slots=True)
class Format:
    """How a format is recognised and read.

    `magic` is how its files begin; `members` begin names that its ZIP container must hold. A format with neither is
    text, told apart by `extensions` alone. `reader` is a module of `readers`, imported by the child on first use.
    """

    name: str
    reader: str
    extensions: tuple[str, ...]
    magic: bytes = b""
    members: tuple[str, ...] = ()
    mime: str = ""

    @property
    def plain_beyond_limit(self) -> bool:
        """Whether a file too large for its reader still makes sense as plain text."""
        return self.textual and not self.mime

    @property
    def textual(self) -> bool:
        return not (self.magic or self.members)


PDF = Format("PDF", "pdf", ("pdf",), magic=b"%PDF-")
HTML = Format("HTML", "html", ("html", "htm", "xhtml"), mime="text/html")
TEXT = Format("plain text", "text", ("txt", "text", "log", "csv", "tsv", "jsonl", "xml"))
EML = Format("EML", "mail", ("eml",), mime="message/rfc822")
MSG = Format("MSG", "mail", ("msg",), magic=b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", mime="application/vnd.ms-outlook")
NOTEBOOK = Format("Jupyter notebook", "office", ("ipynb",), mime="application/x-ipynb+json")

FORMATS = (
    PDF,
    Format("DOCX", "office", ("docx", "docm"), members=(TYPES, "word/"), mime=f"{OPEN_XML}.wordprocessingml.document"),
    Format("PPTX", "slides", ("pptx", "pptm"), members=(TYPES, "ppt/"), mime=f"{OPEN_XML}.presentationml.presentation"),
    Format("XLSX", "office", ("xlsx", "xlsm"), members=(TYPES, "xl/"), mime=f"{OPEN_XML}.spreadsheetml.sheet"),
    Format("EPUB", "office", ("epub",), members=("META-INF/container.xml",), mime="application/epub+zip"),
    Format("ODT", "office", ("odt",), members=("content.xml", "META-INF/manifest.xml"), mime=f"{OASIS}.text"),
    Format("RTF", "office", ("rtf",), magic=b"{\\rtf", mime="application/rtf"),
    MSG,
    EML,
    HTML,
    NOTEBOOK,
    Format("Markdown", "markdown", ("md", "markdown", "mdx")),
    Format("JSON", "json", ("json", "geojson")),
    TEXT,
)

ACCEPTED = f"{', '.join(each.name for each in FORMATS)} and source code are accepted."

IMAGES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"BM", "a bitmap image"),
)
"""What a person could read, and we cannot."""

FOREIGN = (
    (b"RIFF", "a RIFF media file"),
    (b"\x7fELF", "an executable"),
    (b"MZ\x90\x00", "an executable"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
)
FOREIGN_TEXT = ((b"%!PS", "a PostScript file"),)
"""What is recognised only to be refused by its right name."""

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".bmp", ".emf", ".wmf", ".svg", ".webp"})


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read. `format` is what its content says; the name was only a hint."""

    path: Path
    filename: str
    format: Format = field(default=TEXT)

    @property
    def label(self) -> str:
        """The file as messages name it."""
        return repr(self.filename)


def by_extension(filename: str) -> Format | None:
    extension = PurePath(filename).suffix.lower().removeprefix(".")
    return next((each for each in FORMATS if extension in each.extensions), None)
