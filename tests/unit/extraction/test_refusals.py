"""What cannot be indexed is refused with a code and a reason that a person can act on."""

import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.errors import DocumentError
from shared.retrieval.extraction import Extractor, Limits
from tests.unit.extraction import files
from tests.unit.extraction.processes import children, measured

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMITS = Limits(max_bytes=300_000, max_pages=3, max_characters=2000, max_member_bytes=2**20)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def extractor() -> AsyncIterator[Extractor]:
    extractor = Extractor(LIMITS, environment=measured())
    yield extractor
    await extractor.close()


async def refusal(extractor: Extractor, path: Path, content: bytes | None = None) -> tuple[str, str]:
    if content is not None:
        files.written(path, content)
    with pytest.raises(DocumentError) as refused:
        await extractor.extract(path, path.name)
    return refused.value.code, str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.txt", b"\x7fELF\x02\x01\x01" + bytes(9), "an executable"),
        ("a.ps", b"%!PS-Adobe-3.0", "a PostScript file"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "in an old binary Office format"),
        ("a.bin", bytes(range(256)) * 9, "binary, in no format that we know"),
        ("a.csv", bytes(5000), "binary, in no format that we know"),
    ],
)
async def test_an_unsupported_file_is_called_by_its_right_name(
    extractor: Extractor, tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    code, message = await refusal(extractor, tmp_path / name, content)
    assert code == "unsupported_file"
    assert message.startswith(f"{name!r} is {kind}. PDF, DOCX")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
        ("scan.pdf", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01", "a JPEG image"),
    ],
)
async def test_an_image_needs_ocr(extractor: Extractor, tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    assert await refusal(extractor, tmp_path / name, content) == (
        "needs_ocr",
        f"{name!r} is {kind}: it needs OCR before it can be indexed.",
    )


async def test_a_zip_archive_is_unsupported_even_if_it_holds_documents(extractor: Extractor, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("word/notes.txt", "hello")
    assert await refusal(extractor, tmp_path / "a.zip") == (
        "unsupported_file",
        "'a.zip' is a ZIP archive. "
        "PDF, DOCX, PPTX, XLSX, EPUB, ODT, RTF, MSG, EML, HTML, Jupyter notebook, Markdown, JSON, plain text and "
        "source code are accepted.",
    )


async def test_an_encrypted_pdf_is_refused_with_the_way_out(extractor: Extractor, tmp_path: Path) -> None:
    path = files.pdf(tmp_path / "report.pdf", ["secret"], owner_password="o", user_password="u")
    assert await refusal(extractor, path) == (
        "invalid_file",
        "'report.pdf' is encrypted; upload it without a password.",
    )


async def test_an_encrypted_office_document_is_told_from_an_old_one(extractor: Extractor, tmp_path: Path) -> None:
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1200) + "EncryptedPackage".encode("utf-16-le") + bytes(100)
    code, message = await refusal(extractor, tmp_path / "a.docx", content)
    assert (code, message) == ("invalid_file", "'a.docx' is encrypted; upload it without a password.")


async def test_an_encrypted_container_is_refused(extractor: Extractor, tmp_path: Path) -> None:
    path = files.word(tmp_path / "a.docx")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "is encrypted" in (await refusal(extractor, path, bytes(content)))[1]


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.97])
async def test_a_truncated_document_is_refused_as_damaged(extractor: Extractor, tmp_path: Path, keep: float) -> None:
    makers = {"a.docx": files.word, "a.pptx": files.slides, "a.xlsx": files.workbook}
    for name, make in makers.items():
        content = make(tmp_path / name).read_bytes()
        code, message = await refusal(extractor, tmp_path / name, content[: int(len(content) * keep)])
        assert (code, message) == (
            "invalid_file",
            f"{name!r} is damaged or truncated: its ZIP container cannot be read.",
        )


async def test_a_truncated_pdf_is_refused_as_damaged(extractor: Extractor, tmp_path: Path) -> None:
    content = files.pdf(tmp_path / "a.pdf", ["one"]).read_bytes()
    code, message = await refusal(extractor, tmp_path / "a.pdf", content[:200])
    assert (code, message) == ("invalid_file", "'a.pdf' is damaged or truncated: it cannot be read as PDF.")


async def test_a_pdf_with_a_page_that_is_no_page_is_refused_with_its_number(
    extractor: Extractor, tmp_path: Path
) -> None:
    path = files.raw_pdf(tmp_path / "a.pdf", b"", pages=1)
    content = path.read_bytes().replace(b"/Kids[3 0 R]/Count 1", b"/Kids[3 0 R 9 0 R]/Count 2")
    assert await refusal(extractor, path, content) == (
        "invalid_file",
        "'a.pdf' is damaged: its page 2 cannot be read.",
    )


async def test_a_corrupt_document_in_a_good_container_is_refused(extractor: Extractor, tmp_path: Path) -> None:
    path = files.edited(
        files.word(tmp_path / "a.docx"), files.DOCX_BODY, lambda content: content.replace(b"</w:p>", b"</w:q>")
    )
    assert await refusal(extractor, path) == (
        "invalid_file",
        "'a.docx' is damaged or truncated: it cannot be read as DOCX.",
    )


async def test_slides_with_a_member_that_does_not_unpack_are_refused(extractor: Extractor, tmp_path: Path) -> None:
    content = bytearray(files.slides(tmp_path / "a.pptx").read_bytes())
    start = content.index(b"ppt/slides/slide1.xml") + 40
    content[start : start + 40] = b"\xff" * 40
    assert await refusal(extractor, tmp_path / "a.pptx", bytes(content)) == (
        "invalid_file",
        "'a.pptx' is damaged or truncated: it cannot be read as PPTX.",
    )


async def test_a_file_that_lost_its_beginning_is_damaged(extractor: Extractor, tmp_path: Path) -> None:
    content = files.word(tmp_path / "a.docx").read_bytes()[100:4000]
    assert await refusal(extractor, tmp_path / "a.docx", content) == (
        "invalid_file",
        "'a.docx' is damaged: it does not begin as DOCX does.",
    )


async def test_a_pdf_of_images_needs_ocr(extractor: Extractor, tmp_path: Path) -> None:
    path = files.raw_pdf(tmp_path / "scan.pdf", b"0 0 9 9 re f", pages=2)
    code, message = await refusal(extractor, path)
    assert code == "needs_ocr"
    assert message == "'scan.pdf' has no text, only images: it needs OCR before it can be indexed."


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.txt", b""), ("a.pdf", b""), ("a.md", b" \n\t\r\n"), ("a.html", b"<html><body></body></html>")],
)
async def test_a_document_without_text_is_empty(
    extractor: Extractor, tmp_path: Path, name: str, content: bytes
) -> None:
    assert (await refusal(extractor, tmp_path / name, content))[0] == "empty"


async def test_a_pdf_of_blank_pages_is_empty(extractor: Extractor, tmp_path: Path) -> None:
    code, _ = await refusal(extractor, files.pdf(tmp_path / "blank.pdf", ["", ""]))
    assert code == "empty"


async def test_an_office_document_without_text_is_empty(extractor: Extractor, tmp_path: Path) -> None:
    files.docx.Document().save(str(tmp_path / "a.docx"))
    assert await refusal(extractor, tmp_path / "a.docx") == ("empty", "'a.docx' has no text in it.")


async def test_a_file_over_the_size_limit_is_refused_with_both_sizes(extractor: Extractor, tmp_path: Path) -> None:
    code, message = await refusal(extractor, tmp_path / "a.txt", b"x" * 2**21)
    assert (code, message) == ("invalid_file", "'a.txt' has 2 MiB; 300,000 bytes are allowed.")


async def test_a_pdf_over_the_page_limit_is_refused_with_both_counts(extractor: Extractor, tmp_path: Path) -> None:
    code, message = await refusal(extractor, files.pdf(tmp_path / "a.pdf", ["x"] * 4))
    assert (code, message) == ("invalid_file", "'a.pdf' has 4 pages; 3 are allowed.")


@pytest.mark.parametrize("characters", [2001, 9000])
async def test_a_text_over_the_limit_of_characters_is_refused(
    extractor: Extractor, tmp_path: Path, characters: int
) -> None:
    code, message = await refusal(extractor, tmp_path / "a.txt", b"x" * characters)
    assert code == "invalid_file"
    assert "2,000 characters" in message or "2,000 are allowed" in message


async def test_a_pdf_over_the_limit_of_characters_is_refused(extractor: Extractor, tmp_path: Path) -> None:
    code, message = await refusal(extractor, files.pdf(tmp_path / "a.pdf", ["many words " * 150] * 2))
    assert (code, message) == ("invalid_file", "'a.pdf' has more text than the 2,000 characters that are allowed.")


async def test_a_zip_bomb_is_refused_before_it_is_unpacked(extractor: Extractor, tmp_path: Path) -> None:
    path = files.bomb(files.word(tmp_path / "a.docx"), files.DOCX_BODY, 20)
    code, message = await refusal(extractor, path)
    assert code == "invalid_file"
    assert message == "'a.docx' unpacks to 20 MiB in 'word/document.xml'; 1 MiB are allowed."


async def test_no_refusal_cost_a_child(extractor: Extractor) -> None:
    assert len(children()) == 1
