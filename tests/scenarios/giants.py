"""Makers of very large files, written as they are made: no library builds 5,000 pages in a second."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

_WORDS = re.findall(
    r"\w+",
    "gate lever valve pump shift crew order delay storm river ferry cargo ledger invoice audit permit"
    " notice copper timber harvest orchard kettle lantern signal bridge tunnel meadow quarry harbour"
    " beacon anchor compass",
)
_LINES = 40


def marker(number: int) -> str:
    """A word that stands on one page, or in one paragraph, and nowhere else."""
    return f"marker{number:06d}x"


def write_pdf(path: Path, pages: int) -> None:
    """Each page has its marker and a few hundred words of its own."""
    offsets: list[int] = []
    with path.open("wb") as file:

        def add(body: bytes) -> None:
            offsets.append(file.tell())
            file.write(b"%d 0 obj\n%b\nendobj\n" % (len(offsets), body))

        file.write(b"%PDF-1.4\n")
        kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(pages))
        add(b"<< /Type /Catalog /Pages 2 0 R >>")
        add(b"<< /Type /Pages /Count %d /Kids [%b] >>" % (pages, kids))
        add(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
        for number in range(pages):
            resources = b"/Resources << /Font << /F1 3 0 R >> >> /MediaBox [0 0 595 842]"
            add(b"<< /Type /Page /Parent 2 0 R %b /Contents %d 0 R >>" % (resources, 5 + 2 * number))
            stream = _page(number)
            add(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream))
        start = file.tell()
        file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1))
        file.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
        file.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, start))


def write_text(path: Path, size_bytes: int) -> int:
    """Paragraphs, each with its marker; return how many."""
    rng, written, number = random.Random(5), 0, 0
    with path.open("w") as file:
        while written < size_bytes:
            written += file.write(f"{marker(number)} {_sentences(rng, 60)}\n\n")
            number += 1
    return number


def _page(number: int) -> bytes:
    shown = " T* ".join(f"({line}) Tj" for line in _lines(number))
    return f"BT /F1 10 Tf 40 800 Td 14 TL {shown} ET".encode()


def _sentences(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=words)).capitalize() + "."


def _lines(number: int) -> Iterator[str]:
    rng = random.Random(number)
    yield f"{marker(number)} begins page {number + 1}."
    for _ in range(_LINES):
        yield _sentences(rng, 9)
