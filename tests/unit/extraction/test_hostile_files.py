"""Files made to do harm end in seconds, with a reason, and the next document is read as if nothing had been."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import DocumentError
from shared.retrieval.extraction import Extractor
from tests.unit.extraction import files

MakeExtractor = Callable[..., Extractor]
SECRET = "none of the document's business"
LAUGHS = b"".join(b'<!ENTITY a%d "%b">' % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 10))


async def refusal(extractor: Extractor, path: Path) -> str:
    with pytest.raises(DocumentError) as refused:
        await extractor.extract(path, path.name)
    assert refused.value.code == "invalid_file"
    await still_works(extractor, path.parent)
    return str(refused.value)


async def ends(extractor: Extractor, path: Path) -> None:
    """Whether it is read or refused is up to the library; that it ends, and harms nothing, is up to us."""
    with contextlib.suppress(DocumentError):
        assert (await extractor.extract(path, path.name)).characters < 1_000_000
    await still_works(extractor, path.parent)


async def still_works(extractor: Extractor, folder: Path) -> None:
    extracted = await extractor.extract(files.written(folder / "next.txt", "Next, please."), "next.txt")
    assert extracted.passages[0].text == "Next, please."


async def test_a_tiny_pdf_that_unpacks_to_gigabytes_is_refused_for_its_memory(
    make_extractor: MakeExtractor, tmp_path: Path
) -> None:
    path = files.raw_pdf(tmp_path / "a.pdf", files.deflated(megabytes=3000, layers=3), filters=3)
    assert path.stat().st_size < 2000
    message = await refusal(make_extractor(memory_bytes=500 * files.MIB), path)
    assert "needed more than the 500 MiB of memory allowed" in message


async def test_a_text_that_does_not_fit_the_memory_is_refused_for_it(
    make_extractor: MakeExtractor, tmp_path: Path
) -> None:
    path = files.written(tmp_path / "a.html", b"<p>twelve chars" * 10 * files.MIB)
    message = await refusal(make_extractor(memory_bytes=300 * files.MIB, max_characters=10**9), path)
    assert message == "'a.html' needed more than the 300 MiB of memory allowed."


async def test_a_document_that_burns_processor_time_is_refused_for_it(
    make_extractor: MakeExtractor, tmp_path: Path
) -> None:
    path = files.endless(tmp_path / "a.pdf")
    message = await refusal(make_extractor(cpu_s=1), path)
    assert message == "'a.pdf' needed more processor time than is allowed (1 s, and 1 s more for each MiB)."


async def test_a_document_that_takes_too_long_is_refused_for_it(make_extractor: MakeExtractor, tmp_path: Path) -> None:
    path = files.endless(tmp_path / "a.pdf")
    message = await refusal(make_extractor(deadline_s=1.5), path)
    assert message == "'a.pdf' took longer than the 1.5 s allowed."


async def test_a_pdf_whose_pages_are_one_page_over_and_over_is_bounded(
    make_extractor: MakeExtractor, tmp_path: Path
) -> None:
    path = files.raw_pdf(tmp_path / "a.pdf", b"BT (x) Tj ET", pages=20_001)
    assert "20,001 pages; 20,000 are allowed" in await refusal(make_extractor(), path)


async def test_entities_neither_multiply_nor_read_files(make_extractor: MakeExtractor, tmp_path: Path) -> None:
    secret = files.written(tmp_path / "secret.txt", SECRET)
    entities = b'<!ENTITY secret SYSTEM "file://%b"><!ENTITY a0 "ha">%b' % (bytes(secret), LAUGHS)

    def attack(content: bytes) -> bytes:
        body = content.partition(b"?>")[2].replace(b"Thirty days", b"&secret;&a9; days")
        return b'<?xml version="1.0"?><!DOCTYPE x [%b]>%b' % (entities, body)

    path = files.edited(files.word(tmp_path / "a.docx"), files.DOCX_BODY, attack)
    extracted = await make_extractor().extract(path, "a.docx")
    assert extracted.characters < 1000
    assert SECRET not in extracted.passages[0].text


@pytest.mark.parametrize("tag", ["div", "table><tr><td", "ul><li", "blockquote", "b"])
async def test_deeply_nested_html_ends_one_way_or_the_other(
    make_extractor: MakeExtractor, tmp_path: Path, tag: str
) -> None:
    path = files.written(tmp_path / "a.html", f"<html><body>{f'<{tag}>' * 50_000}x")
    await ends(make_extractor(cpu_s=2), path)


async def test_deeply_nested_tables_end_one_way_or_the_other(make_extractor: MakeExtractor, tmp_path: Path) -> None:
    def nest(content: bytes) -> bytes:
        return content.replace(b"<w:body>", b"<w:body>" + b"<w:tbl><w:tr><w:tc>" * 50_000)

    path = files.edited(files.word(tmp_path / "a.docx"), files.DOCX_BODY, nest)
    assert "a.docx" in await refusal(make_extractor(), path)


async def test_a_container_that_lies_about_its_sizes_is_bounded(make_extractor: MakeExtractor, tmp_path: Path) -> None:
    path = files.bomb(files.word(tmp_path / "a.docx"), files.DOCX_BODY, 110)
    content = bytearray(path.read_bytes())
    size = (110 * files.MIB).to_bytes(4, "little")[1:]
    for at in [at for at in range(len(content) - 3) if content[at : at + 3] == size]:
        content[at : at + 3] = bytes(3)
    files.written(path, bytes(content))
    await ends(make_extractor(memory_bytes=500 * files.MIB), path)
