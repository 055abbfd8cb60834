"""A large file is read in parts, and nothing of it is lost, doubled or misplaced between them."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import DocumentError
from shared.retrieval.extraction import Extracted, Extractor, Part
from shared.retrieval.extraction.encoding import decode
from tests.unit.extraction import files

MakeExtractor = Callable[..., Extractor]


def lines(count: int) -> str:
    return "".join(f"Line {number} says naïve things, 漢字 too.\r\n" for number in range(count))


async def read_parts(extractor: Extractor, path: Path, name: str) -> tuple[list[Part], list[Extracted]]:
    """What an indexer does: only the bytes that a part takes lie in the file it hands over."""
    whole = await extractor.extract(path, name)
    assert whole.passages == ()
    content = await asyncio.to_thread(path.read_bytes)
    found: list[Extracted] = []
    for part in whole.parts:
        span = slice(*part.byte_range) if part.byte_range else slice(None)
        found.append(await extractor.extract(files.written(path.parent / "part", content[span]), name, part))
        assert found[-1].parts == ()
    return list(whole.parts), found


def check(text: str, parts: list[Part], read: list[Extracted]) -> None:
    """Every passage stands where it says, and between them is nothing but white space."""
    assert [parts[0].start, parts[0].char_start] == [0, 0]
    assert all(before.end == after.start for before, after in itertools.pairwise(parts))
    at = 0
    for passage in itertools.chain.from_iterable(each.passages for each in read):
        assert text[passage.char_start : passage.char_end] == passage.text
        assert not text[at : passage.char_start].strip()
        at = passage.char_end
    assert not text[at:].strip()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "shift_jis"]
)
async def test_a_large_text_is_read_in_parts_in_any_encoding(
    make_extractor: MakeExtractor, tmp_path: Path, encoding: str
) -> None:
    text = lines(3000) if encoding.startswith("utf") else "これは文字コードを判定するための日本語です。\r\n" * 6000
    path = files.written(tmp_path / "a.log", text.encode(encoding))
    parts, read = await read_parts(make_extractor(part_bytes=100_000), path, "a.log")
    assert len(parts) > 1
    check(text.replace("\r\n", "\n"), parts, read)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "gb18030", "cp1252"])
async def test_a_large_text_without_lines_is_cut_between_characters(
    make_extractor: MakeExtractor, tmp_path: Path, encoding: str
) -> None:
    word = "naïve " if encoding == "cp1252" else "naïve 漢字😀"
    content = (word * 30_000).encode(encoding)
    parts, read = await read_parts(make_extractor(part_bytes=77_777), files.written(tmp_path / "a.txt", content), "a")
    check(decode(content), parts, read)


async def test_a_large_pdf_is_read_in_page_ranges(make_extractor: MakeExtractor, tmp_path: Path) -> None:
    pages = [f"Chapter {number}\nPage {number} speaks. " + "It has much to say. " * 30 for number in range(1, 8)]
    path = files.pdf(tmp_path / "a.pdf", pages, outline=True)
    extractor = make_extractor(part_pages=3)
    whole = await make_extractor().extract(path, "a.pdf")
    parts, read = await read_parts(extractor, path, "a.pdf")
    assert [(part.start, part.end) for part in parts] == [(0, 3), (3, 6), (6, 7)]
    assert [each.pages for each in read] == [3, 3, 1]
    assert sum(each.characters for each in read) + 2 * 2 == whole.characters
    for passage in itertools.chain.from_iterable(each.passages for each in read):
        number = passage.page_start or 0
        assert passage.headings == (f"Chapter {number}",)
        if passage.text.startswith("Chapter"):
            (same,) = [each for each in whole.passages if f"Page {number} speaks" in each.text]
            assert passage.char_start == same.char_start + same.text.index(f"Chapter {number}")


async def test_a_large_document_of_another_format_is_read_in_parts(
    make_extractor: MakeExtractor, tmp_path: Path
) -> None:
    text = "".join(f"# Top {number}\n\n## Sub\n\n{'Words and words again. ' * 40}\n\n" for number in range(20))
    extractor = make_extractor(part_bytes=3000)
    parts, read = await read_parts(extractor, files.written(tmp_path / "a.md", text), "a.md")
    check(text, parts, read)
    for passage in itertools.chain.from_iterable(each.passages for each in read):
        top = text.rindex("# Top", 0, passage.char_start + 5)
        assert passage.headings[0] == text[top:].split("\n")[0].removeprefix("# ")


async def test_markdown_larger_than_a_reader_takes_is_read_as_text(
    make_extractor: MakeExtractor, tmp_path: Path
) -> None:
    path = files.written(tmp_path / "a.md", "# Top\n\nWords.\n\n" * 500)
    whole = await make_extractor(part_bytes=3000, max_whole_bytes=5000).extract(path, "a.md")
    assert {part.unit for part in whole.parts} == {"bytes"}


async def test_an_insertion_moves_the_parts_behind_it_and_changes_only_its_own(
    make_extractor: MakeExtractor, tmp_path: Path
) -> None:
    text = lines(60_000)
    extractor = make_extractor(part_bytes=400_000)
    before = (await extractor.extract(files.written(tmp_path / "a.txt", text), "a.txt")).parts
    after = (await extractor.extract(files.written(tmp_path / "a.txt", "New words. " * 5 + text), "a.txt")).parts
    assert len(before) > 4
    assert [part.start + 55 for part in before[1:]] == [part.start for part in after[1:]]


async def test_what_is_wrong_with_any_page_is_known_before_one_is_read(
    make_extractor: MakeExtractor, tmp_path: Path
) -> None:
    path = files.raw_pdf(tmp_path / "a.pdf", b"0 0 9 9 re f", pages=9)
    with pytest.raises(DocumentError, match="needs OCR"):
        await make_extractor(part_pages=2).extract(path, "a.pdf")


async def test_a_part_of_blanks_has_no_passages(make_extractor: MakeExtractor, tmp_path: Path) -> None:
    path = files.written(tmp_path / "a.txt", "Words.\n" + " " * 300_000 + "\nMore words.")
    parts, read = await read_parts(make_extractor(part_bytes=100_000), path, "a.txt")
    assert len(parts) > 2
    assert sum(len(each.passages) for each in read) == 2


async def test_a_text_of_many_megabytes_is_never_whole_in_memory(make_extractor: MakeExtractor, tmp_path: Path) -> None:
    """Its address space has room for the libraries, and not for the text."""
    path = tmp_path / "a.txt"
    await asyncio.to_thread(files.written, path, lines(1000) * 2000)
    extractor = make_extractor(memory_bytes=120 * files.MIB)
    parts = (await extractor.extract(path, "a.txt")).parts
    assert parts[-1].end == path.stat().st_size
