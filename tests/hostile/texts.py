"""Messages in messages, text that is none, and noise under every name."""

import random

from shared.retrieval.extraction.formats import FORMATS
from tests.hostile.case import MIB, Case, State, empty, harmless, refused, unsupported
from tests.hostile.outlook import message
from tests.hostile.pdfs import written

_HEADERS = b"From: ann@example.org\r\nTo: bob@example.org\r\nSubject: Ahoy\r\nMIME-Version: 1.0\r\n"


def russian_doll() -> bytes:
    """A message attached to a message, two hundred times."""
    content = _HEADERS + b"\r\nAhoy\r\n"
    for depth in range(200):
        edge = b"edge%d" % depth
        kind = b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n" % edge
        part = b"--%b\r\nContent-Type: message/rfc822\r\n\r\n%b\r\n--%b--\r\n" % (edge, content, edge)
        content = _HEADERS + kind + part
    return content


def parts() -> bytes:
    part = b"--edge\r\nContent-Type: text/plain\r\n\r\nAhoy\r\n"
    return _HEADERS + b"Content-Type: multipart/mixed; boundary=edge\r\n\r\n" + part * 20_000 + b"--edge--\r\n"


def truncated_mail() -> bytes:
    """In the middle of an attachment in Base64."""
    kind = b"Content-Type: multipart/mixed; boundary=edge\r\n\r\n--edge\r\n\r\nAhoy\r\n--edge\r\n"
    return _HEADERS + kind + b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjcK"


def bad_outlook() -> bytes:
    """The directory of a message, and noise where its contents were."""
    content = bytearray(message("Ahoy", "Call me Ishmael."))
    content[512:1024] = random.Random(1).randbytes(512)
    return bytes(content)


def looping_outlook() -> bytes:
    """A chain of sectors that leads back to itself."""
    content = bytearray(message("Ahoy", "Call me Ishmael."))
    content[512 + 4 : 512 + 8] = (1).to_bytes(4, "little")
    return bytes(content)


def noise() -> bytes:
    return random.Random(2).randbytes(50_000)


def _noisy(extension: str, *, textual: bool) -> Case:
    state: State = "failed"
    code = "unsupported_file" if textual else "invalid_file"
    return Case(f"noise.{extension}", f"random bytes under the name of {extension}", noise, state, code)


CASES: tuple[Case, ...] = (
    empty("nothing.txt", "0 bytes", lambda: b""),
    empty("nothing.pdf", "0 bytes under the name of a PDF", lambda: b""),
    harmless("one.txt", "1 byte", lambda: b"x"),
    refused("one.docx", "1 byte under the name of a DOCX", lambda: b"\x01"),
    unsupported("zeros.txt", "a megabyte of zeros", lambda: bytes(MIB)),
    empty("blanks.txt", "a megabyte of blanks", lambda: b" \n" * (MIB // 2)),
    harmless("line.txt", "one line of 3 MB", lambda: b"word " * (3 * MIB // 5)),
    harmless("gap.txt", "300,000 blanks in a line, between two words", lambda: b"Ahoy" + b" " * 300_000 + b"there"),
    harmless("letters.txt", "a million letters without a space", lambda: b"abcdefghij" * 100_000),
    harmless("ideographs.txt", "half a million different ideographs without a break", lambda: _ideographs()),
    harmless("marks.txt", "a letter under 100,000 accents", lambda: ("Ahoy a" + "\u0301" * 100_000).encode()),
    harmless("surrogates.txt", "UTF-16 with halves of characters", lambda: _surrogates()),
    harmless("surrogates.json", "escapes that are halves of characters", lambda: rb'["Ahoy \ud800 \udfff"]'),
    harmless("overlong.txt", "UTF-8 with overlong forms and bytes that no encoding has", lambda: _overlong()),
    harmless("escapes.txt", "a terminal's escape sequences", lambda: b"Ahoy \x1b[2J\x1b]0;pwned\x1b\\ there " * 9),
    harmless("directions.txt", "marks that turn the direction of writing", lambda: "Ahoy \u202egpj.exe\u2066".encode()),
    harmless("pdf.txt", "a PDF under the name of a text", written),
    harmless("pdf.docx", "a PDF under the name of a DOCX", written),
    harmless("doll.eml", "a message in a message, 200 deep", russian_doll),
    harmless("parts.eml", "a message of 20,000 parts", parts),
    harmless("truncated.eml", "a message that ends in its middle", truncated_mail),
    refused("garbage.msg", "a compound file full of noise that names a message", bad_outlook),
    refused("loop.msg", "a compound file whose chain of sectors is a circle", looping_outlook),
    refused("truncated.msg", "the first 1,400 bytes of a message", lambda: message("Ahoy", "Call me.")[:1400]),
    unsupported("garbage.doc", "a compound file of zeros", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5000)),
    unsupported("program.txt", "an executable", lambda: b"\x7fELF\x02\x01\x01" + bytes(500)),
    *(_noisy(extension, textual=each.textual) for each in FORMATS for extension in each.extensions),
)


def _ideographs() -> bytes:
    return "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(500_000)).encode()


def _surrogates() -> bytes:
    return b"\xff\xfe" + "Ahoy ".encode("utf-16-le") * 20 + b"\x00\xd8\x41\x00\xff\xdf\x00\xd8"


def _overlong() -> bytes:
    return b"Ahoy \xc0\xaf\xe0\x80\xaf\xf8\x88\x80\x80\x80\xff\xfe there, and well met. " * 20
