"""ZIP containers by hand: EPUB, ODT and the Office formats, as small as their readers allow."""

import io
import zipfile
from collections.abc import Mapping

CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
PACKAGE = (
    '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/><manifest>'
    '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
    '<spine><itemref idref="a"/></spine></package>'
)
CHAPTER = (
    '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><h1>Loomings</h1>'
    "<p>Call me Ishmael.</p></body></html>"
)
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """Members that repeat themselves are deflated to a thousandth."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def epub(chapter: str | bytes = CHAPTER, **others: str) -> bytes:
    members = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "book.opf": PACKAGE}
    return zipped({**members, "a.xhtml": chapter, **others})


def odt(body: str = "<text:p>Call me Ishmael.</text:p>", *, doctype: str = "") -> bytes:
    content = (
        f'<?xml version="1.0"?>{doctype}<office:document-content xmlns:office="{_OFFICE}" xmlns:text="{_TEXT}">'
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    manifest = "<manifest/>"
    mime = "application/vnd.oasis.opendocument.text"
    return zipped({"mimetype": mime, "META-INF/manifest.xml": manifest, "content.xml": content})


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(
    body: str = paragraph("Call me Ishmael."), *, doctype: str = "", others: Mapping[str, str | bytes] | None = None
) -> bytes:
    document = f'<?xml version="1.0"?>{doctype}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'
    types = (
        f'<?xml version="1.0"?><Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/></Types>'
    )
    relations = (
        f'<?xml version="1.0"?><Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_DOCUMENT}" Target="word/document.xml"/></Relationships>'
    )
    members = {"[Content_Types].xml": types, "_rels/.rels": relations, "word/document.xml": document}
    return zipped({**members, **(others or {})})
