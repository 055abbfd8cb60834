"""Containers that unpack to too much, lie about it, point outside, or are locked."""

import io
import stat
import zipfile

import openpyxl

from tests.hostile.case import MIB, Case, harmless, pictures, refused, unsupported
from tests.hostile.containers import CHAPTER, docx, epub, odt, paragraph, zipped
from tests.hostile.markup import LAUGHS, png
from tests.hostile.outlook import compound

_LONG = " " * (110 * MIB)


def workbook_bomb() -> bytes:
    return _with(_workbook(), "xl/worksheets/sheet1.xml", lambda content: content + b" " * (110 * MIB))


def shared_strings() -> bytes:
    """A million cells that all show the same long string."""
    strings = '<?xml version="1.0"?><sst xmlns="{}"><si><t>{}</t></si></sst>'.format(_MAIN, "word " * 6000)
    rows = "".join(f'<row r="{n}">{'<c t="s"><v>0</v></c>' * 100}</row>' for n in range(1, 301))
    sheet = f'<?xml version="1.0"?><worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    content = _with(_workbook(), "xl/worksheets/sheet1.xml", lambda _: sheet.encode())
    return _with(content, "xl/sharedStrings.xml", lambda _: strings.encode())


def nested() -> bytes:
    """Ten archives in each of ten archives, five deep, as 42.zip does it."""
    content = zipped({"0.txt": " " * MIB})
    for _ in range(5):
        content = zipped({f"{number}.zip": content for number in range(10)})
    return content


def overlapping() -> bytes:
    """Many entries of the directory lead to the same member."""
    content = bytearray(docx(others={"word/a.xml": " " * (20 * MIB)}))
    end = content.rindex(b"PK\x05\x06")
    start = int.from_bytes(content[end + 16 : end + 20], "little")
    entry = content.index(b"word/a.xml", start) - 46
    copy = bytes(content[entry : entry + 46 + len(b"word/a.xml")])
    tail = bytearray(content[end:])
    directory = content[start:end] + copy * 400
    tail[8:12] = (404).to_bytes(2, "little") * 2
    tail[12:16] = len(directory).to_bytes(4, "little")
    return bytes(content[:start] + directory + tail)


def lying() -> bytes:
    """The directory says that the document has no length."""
    content = bytearray(docx(paragraph("Ahoy. ") + _LONG))
    size = next(info.file_size for info in _members(content) if info.filename == "word/document.xml")
    wanted = size.to_bytes(4, "little")
    while (at := content.find(wanted)) >= 0:
        content[at : at + 4] = (9).to_bytes(4, "little")
    return bytes(content)


def encrypted() -> bytes:
    """The flag is set in the directory, as every tool sets it."""
    content = bytearray(docx())
    at = 0
    while (at := content.find(b"PK\x01\x02", at) + 1) > 0:
        content[at + 7] |= 1
    return bytes(content)


def locked_office() -> bytes:
    """How Office packs what it encrypts (MS-OFFCRYPTO)."""
    return compound([("EncryptionInfo", b"\4\0\4\0" + bytes(200)), ("EncryptedPackage", bytes(range(256)) * 4)])


def climbing() -> bytes:
    return docx(others={"../../../../tmp/flightdeck-climbed": "out", "/etc/flightdeck-climbed": "out"})


def linked() -> bytes:
    """An EPUB whose chapter is a symbolic link to a file of the machine."""
    buffer = io.BytesIO(epub())
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("b.xhtml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


def many_members() -> bytes:
    return zipped({"[Content_Types].xml": "<Types/>", **{f"word/{number}.xml": "" for number in range(20_000)}})


def scanned() -> bytes:
    return docx("<w:p/>", others={"word/media/image1.png": png()})


def polyglot() -> bytes:
    """An archive with a PDF before it: what begins as a PDF is one."""
    return b"%PDF-1.7\n" + docx()


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["article"])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def _with(container: bytes, member: str, edit) -> bytes:
    with zipfile.ZipFile(io.BytesIO(container)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return zipped({**members, member: edit(members.get(member, b""))})


def _members(content: bytearray) -> list[zipfile.ZipInfo]:
    return zipfile.ZipFile(io.BytesIO(bytes(content))).infolist()


CASES: tuple[Case, ...] = (
    refused("bomb.docx", "100 KB that unpack to 110 MB of XML", lambda: docx(paragraph("Ahoy.") + _LONG)),
    refused("bomb.xlsx", "a sheet that unpacks to 110 MB", workbook_bomb),
    refused("bomb.epub", "a chapter that unpacks to 110 MB", lambda: epub(CHAPTER + _LONG)),
    refused("bomb.odt", "a text that unpacks to 110 MB", lambda: odt(_LONG)),
    refused("strings.xlsx", "30,000 cells that share one string of 30 KB: 900 MB of text", shared_strings),
    unsupported("nested.zip", "archives in archives, 100 GB in all", nested),
    unsupported("flat.zip", "a flat bomb", lambda: zipped({"a.txt": " " * (60 * MIB)})),
    refused("overlap.docx", "400 entries that share a member of 20 MB", overlapping),
    harmless("lying.docx", "a directory that lies about the sizes", lying),
    refused("encrypted.docx", "encrypted members", encrypted),
    refused("locked.docx", "encrypted by Office with a password", locked_office),
    refused("locked.xlsx", "a workbook that Office has encrypted", locked_office),
    unsupported("encrypted.zip", "an encrypted archive", lambda: zipped({"a.bin": "secret"})),
    refused("truncated.docx", "the first half", lambda: _half(docx())),
    refused("truncated.epub", "the first half", lambda: _half(epub())),
    refused("truncated.odt", "the first half", lambda: _half(odt())),
    harmless("climbing.docx", "members named ../../../../tmp/... and /etc/...", climbing),
    harmless("linked.epub", "a member that is a symbolic link to /etc/passwd", linked),
    refused("members.docx", "20,000 members and no document", many_members),
    refused("no-document.docx", "no document in it", lambda: zipped({"[Content_Types].xml": "<Types/>", "word/x": ""})),
    refused("no-chapter.epub", "nothing of what its container names", lambda: zipped({"META-INF/container.xml": ""})),
    refused("bad-xml.docx", "tags that do not match", lambda: docx("<w:p><w:r></w:p></w:r>")),
    refused("deep.docx", "50,000 tables in each other", lambda: docx("<w:tbl><w:tr><w:tc>" * 50_000)),
    pictures("scan.docx", "only an image", scanned),
    refused("polyglot.pdf", "a PDF header before a DOCX", polyglot),
    refused("laughs.odt", "entities that would multiply to 10^9", lambda: _laughing()),
)


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _laughing() -> bytes:
    return odt("<text:p>Ahoy &a9;</text:p>", doctype=LAUGHS)
