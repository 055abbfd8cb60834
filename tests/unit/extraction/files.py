"""Makers of the files that the tests read: real ones, broken ones and hostile ones."""

import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import docx
import fpdf
import openpyxl
import pptx

MIB = 2**20
DOCX_BODY = "word/document.xml"


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pdf(
    path: Path, pages: Sequence[str], *, outline: bool = False, user_password: str = "", owner_password: str = ""
) -> Path:
    """Each page holds its text; with an outline, the first line of each is a chapter."""
    document = fpdf.FPDF()
    document.set_font("Helvetica", size=12)
    for text in pages:
        document.add_page()
        if outline:
            document.start_section(text.split("\n")[0])
        if text:
            document.multi_cell(0, text=text)
    if owner_password:
        document.set_encryption(owner_password=owner_password, user_password=user_password)
    document.output(str(path))
    return path


def word(path: Path) -> Path:
    document = docx.Document()
    document.add_heading("Handbook", 1)
    document.add_paragraph("All staff, 全员, may read this.")
    document.add_heading("Leave", 2)
    document.add_paragraph("Thirty days a year.")
    document.save(str(path))
    return path


def slides(path: Path) -> Path:
    presentation = pptx.Presentation()
    for number in (1, 2):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = f"Slide {number}"
        slide.placeholders[1].text = f"Point {number}"
    presentation.save(str(path))
    return path


def workbook(path: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "Prices"
    book.active.append(["article", "price"])
    book.active.append(["bolt", 7])
    book.save(path)
    return path


def edited(path: Path, member: str, edit: Callable[[bytes], bytes]) -> Path:
    """The same container with one member changed."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, edit(content) if name == member else content)
    return path


def bomb(path: Path, member: str, megabytes: int) -> Path:
    """The same container with one member blown up."""
    return edited(path, member, lambda content: content + b" " * (megabytes * MIB))


def raw_pdf(path: Path, content: bytes, *, filters: int = 0, pages: int = 1, resources: bytes = b"") -> Path:
    """A PDF by hand: every page shows the same content stream. `resources` may refer to objects 4 onward, its own."""
    kids = b" ".join(b"3 0 R" for _ in range(pages))
    stream = b"<</Length %d/Filter[%s]>>stream\n%b\nendstream" % (len(content), b"/FlateDecode" * filters, content)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, pages),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<<%b>>>>" % resources,
        stream,
    ]
    numbered = b"".join(b"%d 0 obj\n%b\nendobj\n" % (number, each) for number, each in enumerate(objects, 1))
    path.write_bytes(b"%%PDF-1.7\n%btrailer<</Size 5/Root 1 0 R>>\n%%%%EOF" % numbered)
    return path


def endless(path: Path, depth: int = 12, fan: int = 10) -> Path:
    """A PDF of 2 KB that draws a form, which draws ten forms, which draw ten forms each: hours of work."""
    forms = [b"/F Do " * fan] * (depth - 1) + [b"BT (x) Tj ET"]
    objects = [
        b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F %d 0 R>>>>/Length %d>>"
        b"stream\n%b\nendstream" % (number + 1, len(body), body)
        for number, body in enumerate(forms, 5)
    ]
    raw_pdf(path, b"/F Do", resources=b"/XObject<</F 5 0 R>>")
    numbered = b"".join(b"%d 0 obj\n%b\nendobj\n" % (number, each) for number, each in enumerate(objects, 5))
    return written(path, path.read_bytes().replace(b"trailer", numbered + b"trailer"))


def deflated(megabytes: int, layers: int) -> bytes:
    """So many megabytes of blanks, deflated again and again: three layers make gigabytes of a few hundred bytes."""
    deflate = zlib.compressobj(9, wbits=-15)
    block = deflate.compress(b" " * MIB) + deflate.flush(zlib.Z_FULL_FLUSH)
    data = b"\x78\xda" + block * megabytes + b"\x03\x00" + b"\0\0\0\0"
    for _ in range(layers - 1):
        data = zlib.compress(data, 9)
    return data
