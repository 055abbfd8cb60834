"""PDFs that loop, unpack to gigabytes, lie, or have nothing to read in them."""

from collections.abc import Sequence

import fpdf

from tests.hostile.case import MIB, Case, empty, harmless, pictures, refused
from tests.unit.extraction.files import deflated

_FONT = b"/Font<</F <</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
_TEXT = b"BT /F 9 Tf (Call me Ishmael.) Tj ET"


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (entries, len(content), content)


def assembled(objects: Sequence[bytes]) -> bytes:
    """Without a table of where the objects are: readers look for them."""
    numbered = b"".join(b"%d 0 obj\n%b\nendobj\n" % (number, each) for number, each in enumerate(objects, 1))
    return b"%%PDF-1.7\n%btrailer<</Size %d/Root 1 0 R>>\n%%%%EOF" % (numbered, len(objects) + 1)


def page(content: bytes, *others: bytes, kids: bytes = b"3 0 R", count: int = 1, resources: bytes = _FONT) -> bytes:
    """One page, object 3, that shows object 4; the others are objects 5 onward."""
    return assembled([
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, count),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<<%b>>>>" % resources,
        content,
        *others,
    ])  # fmt: skip


def written(*, password: str = "", pages: int = 1) -> bytes:
    document = fpdf.FPDF()
    document.set_font("Helvetica", size=12)
    for _ in range(pages):
        document.add_page()
        document.cell(text="Call me Ishmael.")
    if password:
        document.set_encryption(owner_password="owner", user_password=password)
    return bytes(document.output())


def flate_bomb() -> bytes:
    """Three layers make three gigabytes of blanks out of about a kilobyte."""
    return page(stream(deflated(megabytes=3000, layers=3), b"/Filter[/FlateDecode/FlateDecode/FlateDecode]"))


def form_laughs() -> bytes:
    """A form draws a form ten times, which draws a form ten times, twelve deep."""
    bodies = [b"/X Do " * 10] * 11 + [_TEXT]
    forms = [
        stream(body, b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X %d 0 R>>>>" % (number + 1))
        for number, body in enumerate(bodies, 5)
    ]
    return page(stream(b"/X Do"), *forms, resources=b"/XObject<</X 5 0 R>>")


def tree_loop() -> bytes:
    return assembled([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9/Parent 2 0 R>>"])


def outline_loop() -> bytes:
    """Each entry is the next one's next."""
    content = page(
        stream(_TEXT),
        b"<</Type/Outlines/First 6 0 R/Last 6 0 R/Count 2>>",
        b"<</Title(A)/Parent 5 0 R/Next 7 0 R/Dest[3 0 R/Fit]>>",
        b"<</Title(B)/Parent 5 0 R/Next 6 0 R/First 6 0 R/Dest[3 0 R/Fit]>>",
    )
    return content.replace(b"/Catalog", b"/Catalog/Outlines 5 0 R")


def corrupt_table() -> bytes:
    """Every object is said to lie where it does not."""
    head, table, tail = written().partition(b"xref\n")
    return head + table + tail.replace(b" 00000 n", b" 99999 n").replace(b"0000000", b"9999999")


def bad_image() -> bytes:
    image = stream(b"\xff\xd8broken", b"/Type/XObject/Subtype/Image/Width 9999999/Height 9999999/Filter/DCTDecode")
    return page(stream(_TEXT + b" /I Do"), image, resources=_FONT + b"/XObject<</I 5 0 R>>")


def bad_font() -> bytes:
    font = b"<</Type/Font/Subtype/TrueType/BaseFont/Bad/FontDescriptor 6 0 R/FirstChar 0/LastChar 255>>"
    descriptor = b"<</Type/FontDescriptor/FontName/Bad/Flags 4/FontFile2 7 0 R>>"
    program = stream(b"\0\1\0\0" + b"\xff" * 500)
    return page(stream(_TEXT), font, descriptor, program, resources=b"/Font<</F 5 0 R>>")


def cover_and_scans() -> bytes:
    kids = b"3 0 R" + b" 6 0 R" * 40
    scan = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 5 0 R>>"
    return page(stream(_TEXT), stream(b"0 0 50 50 re f"), scan, kids=kids, count=41)


def many_pages() -> bytes:
    return page(stream(_TEXT), kids=b"3 0 R " * 20_001, count=20_001)


def self_length() -> bytes:
    """The length of the stream is the stream itself."""
    return page(stream(_TEXT).replace(b"/Length 36", b"/Length 4 0 R"))


CASES: tuple[Case, ...] = (
    refused("flate-bomb.pdf", "a content stream that unpacks to 3 GB, in three layers", flate_bomb),
    refused("form-laughs.pdf", "2 KB whose forms draw each other 10^12 times", form_laughs),
    refused("tree-loop.pdf", "a page tree that is its own child", tree_loop),
    harmless("outline-loop.pdf", "an outline whose entries follow each other in a circle", outline_loop),
    harmless("corrupt-xref.pdf", "a table of objects full of noise; the objects are found without it", corrupt_table),
    refused("encrypted.pdf", "encrypted with a password", lambda: written(password="secret")),
    refused("truncated.pdf", "only the first 300 bytes", lambda: written()[:300]),
    refused("header-only.pdf", "nothing behind the header", lambda: b"%PDF-1.7\n"),
    refused("pages.pdf", "one page, listed 20,001 times", many_pages),
    refused("no-page.pdf", "a page that does not exist", lambda: page(stream(_TEXT), kids=b"3 0 R 99 0 R", count=2)),
    harmless("bad-image.pdf", "a broken image of 100 terapixels beside the text", bad_image),
    harmless("bad-font.pdf", "a font that is noise", bad_font),
    harmless("self-length.pdf", "a stream whose length is itself", self_length),
    pictures("scan.pdf", "only drawings", lambda: page(stream(b"0 0 50 50 re f"))),
    pictures("cover.pdf", "a cover sheet with text before 40 pages without", cover_and_scans),
    empty("blank.pdf", "one blank page", lambda: page(stream(b""))),
    harmless("count.pdf", "a page tree that claims two billion pages", lambda: page(stream(_TEXT), count=2**31 - 1)),
    harmless("padding.pdf", "64 MB of blanks in a comment", lambda: _padded()),
)


def _padded() -> bytes:
    return page(stream(_TEXT)).replace(b"trailer", b"%" + b" " * (64 * MIB) + b"\ntrailer")
