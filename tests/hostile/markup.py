"""Markup and data that multiply, nest, or reach for what is not theirs."""

import json
import struct
import zlib

from tests.hostile.case import MIB, Case, empty, harmless, pictures, refused, unsupported
from tests.hostile.containers import docx, epub, paragraph

_ENTITIES = "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 10))
LAUGHS = f'<!DOCTYPE x [<!ENTITY a0 "ha">{_ENTITIES}]>'
QUADRATIC = f'<!DOCTYPE x [<!ENTITY a "{"a" * 100_000}">]>'
FILE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
HTTP = '<!DOCTYPE x [<!ENTITY a SYSTEM "http://169.254.169.254/metadata/instance">]>'
PARAMETER = '<!DOCTYPE x [<!ENTITY % d SYSTEM "file:///etc/passwd"> %d;]>'
_XHTML = '<?xml version="1.0"?>{}<html xmlns="http://www.w3.org/1999/xhtml"><body><p>Ahoy {}</p></body></html>'


def png() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


def notebook() -> bytes:
    """Ten megabytes of image in an output beside a line of code."""
    output = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * (10 * MIB)}}
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": ["print(1)"], "outputs": [output]}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def columns() -> bytes:
    return (",".join(f"column{number}" for number in range(100_000)) + "\n" + "1," * 100_000).encode()


CASES: tuple[Case, ...] = (
    harmless("laughs.xml", "a billion laughs: text, whose entities are not replaced", lambda: _xml(LAUGHS, "&a9;")),
    harmless("laughs.docx", "a billion laughs in a document", lambda: _word(LAUGHS, "&a9;")),
    harmless("laughs.epub", "a billion laughs in a chapter", lambda: epub(_XHTML.format(LAUGHS, "&a9;"))),
    harmless("quadratic.docx", "an entity of 100 KB, 10,000 times", lambda: _word(QUADRATIC, "&a;" * 10_000)),
    harmless("file.docx", "an entity that names /etc/passwd", lambda: _word(FILE, "&a;")),
    harmless("http.docx", "an entity that names the machine's metadata service", lambda: _word(HTTP, "&a;")),
    harmless("parameter.docx", "a parameter entity that names /etc/passwd", lambda: _word(PARAMETER, "")),
    harmless("file.html", "frames, images and includes of files", lambda: _FRAMES),
    harmless("deep.xml", "100,000 elements in each other", lambda: b"<?xml version='1.0'?>" + b"<a>" * 100_000),
    harmless("deep.json", "100,000 arrays in each other", lambda: b"[" * 100_000),
    empty("deep.html", "5,000 divisions in each other", lambda: b"<html><body>" + b"<div>" * 5000 + b"Ahoy"),
    harmless("attributes.html", "an element with 100,000 attributes", lambda: _attributes()),
    empty("script.html", "nothing but a script", lambda: b"<html><body><script>evil()</script></body></html>"),
    harmless("notebook.ipynb", "10 MB of image in an output", notebook),
    refused("broken.ipynb", "a notebook that ends in its middle", lambda: notebook()[:300]),
    harmless("columns.csv", "100,000 columns", columns),
    pictures("picture.png", "an image of 10 gigapixels", png),
    pictures("picture.txt", "the same under a wrong name", png),
    unsupported("postscript.txt", "a program", lambda: b"%!PS-Adobe-3.0\n{} loop\n"),
    harmless("deep.rtf", "100,000 groups in each other", lambda: b"{\\rtf1 Ahoy " + b"{" * 100_000),
    harmless("binary.rtf", "a field that claims two gigabytes", lambda: b"{\\rtf1 Ahoy {\\bin2147483647 x}}"),
    harmless(
        "picture.rtf", "5 MB of picture in hexadecimal", lambda: b"{\\rtf1 Ahoy {\\pict " + b"ff" * (2 * MIB) + b"}}"
    ),
    harmless("emphasis.md", "a million stars without an end", lambda: b"# Ahoy\n\n" + b"*a_" * 300_000),
    harmless("brackets.md", "500,000 brackets without an end", lambda: b"[" * 500_000),
)

_FRAMES = (
    b"<html><body><p>Ahoy</p><iframe src='file:///etc/passwd'></iframe><img src='http://169.254.169.254/'>"
    b"<object data='file:///etc/passwd'></object></body></html>"
)


def _xml(doctype: str, text: str) -> bytes:
    return f'<?xml version="1.0"?>{doctype}<x>Ahoy {text}</x>'.encode()


def _word(doctype: str, text: str) -> bytes:
    return docx(paragraph(f"Ahoy {text}"), doctype=doctype)


def _attributes() -> bytes:
    return b"<html><body><p %b>Ahoy</p>" % b" ".join(b"a%d=1" % number for number in range(100_000))
