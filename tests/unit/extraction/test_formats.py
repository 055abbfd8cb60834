"""Every format yields its text, with pages and headings where it has them."""

import json
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import pytest_asyncio

from shared.retrieval.extraction import Extracted, Extractor
from tests.hostile import containers, outlook
from tests.unit.extraction import files
from tests.unit.extraction.processes import children, measured

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def extractor() -> AsyncIterator[Extractor]:
    extractor = Extractor(environment=measured())
    yield extractor
    await extractor.close()


def text(extracted: Extracted) -> str:
    return "\n".join(passage.text for passage in extracted.passages)


async def read(extractor: Extractor, path: Path, content: bytes | str) -> Extracted:
    return await extractor.extract(files.written(path, content), path.name)


async def test_a_pdf_yields_the_text_of_its_pages_and_their_numbers(extractor: Extractor, tmp_path: Path) -> None:
    pages = [f"Page {number} speaks. " + "It has much to say about everything. " * 60 for number in range(1, 6)]
    extracted = await extractor.extract(files.pdf(tmp_path / "a.pdf", pages), "a.pdf")

    assert extracted.pages == 5
    assert len(extracted.passages) >= 5
    for number in range(1, 6):
        (passage,) = [each for each in extracted.passages if f"Page {number} speaks." in each.text]
        assert passage.page_start is not None
        assert passage.page_end is not None
        assert passage.page_start <= number <= passage.page_end
    assert [extracted.passages[0].page_start, extracted.passages[-1].page_end] == [1, 5]


async def test_a_passage_over_a_page_break_names_both_pages(extractor: Extractor, tmp_path: Path) -> None:
    extracted = await extractor.extract(files.pdf(tmp_path / "a.pdf", ["one", "two", "three"]), "a.pdf")
    (passage,) = extracted.passages
    assert (passage.text, passage.page_start, passage.page_end) == ("one\n\ntwo\n\nthree", 1, 3)


async def test_a_pdf_outline_gives_the_headings(extractor: Extractor, tmp_path: Path) -> None:
    body = "\n" + "Steady as she goes. " * 90
    path = files.pdf(tmp_path / "a.pdf", [f"Chapter {name}{body}" for name in ("One", "Two")], outline=True)
    extracted = await extractor.extract(path, "a.pdf")
    found = {passage.page_start: passage.headings for passage in extracted.passages}
    assert found == {1: ("Chapter One",), 2: ("Chapter Two",)}


async def test_an_outline_entry_whose_title_is_not_on_its_page_begins_at_the_top(
    extractor: Extractor, tmp_path: Path
) -> None:
    document = files.fpdf.FPDF()
    document.set_font("Helvetica", size=12)
    document.add_page()
    document.start_section("Invisible")
    document.cell(text="Nothing of the kind.")
    document.output(str(tmp_path / "a.pdf"))
    extracted = await extractor.extract(tmp_path / "a.pdf", "a.pdf")
    assert extracted.passages[0].headings == ("Invisible",)


async def test_an_outline_entry_without_a_title_is_no_heading(extractor: Extractor, tmp_path: Path) -> None:
    path = files.pdf(tmp_path / "a.pdf", [" \nBody."], outline=True)
    assert (await extractor.extract(path, "a.pdf")).passages[0].headings == ()


async def test_a_word_that_a_pdf_breaks_at_the_end_of_a_line_is_one_word(extractor: Extractor, tmp_path: Path) -> None:
    path = files.pdf(tmp_path / "a.pdf", ["This line is long and ends in hyphen-\nation, as they do."])
    assert "hyphenation" in text(await extractor.extract(path, "a.pdf"))


async def test_a_pdf_that_only_its_owner_has_locked_is_read(extractor: Extractor, tmp_path: Path) -> None:
    path = files.pdf(tmp_path / "a.pdf", ["Printing is forbidden."], owner_password="o")
    assert text(await extractor.extract(path, "a.pdf")) == "Printing is forbidden."


async def test_a_pdf_may_begin_after_some_junk(extractor: Extractor, tmp_path: Path) -> None:
    path = files.pdf(tmp_path / "a.pdf", ["Behind a mail header."])
    path.write_bytes(b"X-Header: 1\n\n" + path.read_bytes())
    assert text(await extractor.extract(path, "a.pdf")) == "Behind a mail header."


async def test_a_word_document_yields_its_headings_and_paragraphs(extractor: Extractor, tmp_path: Path) -> None:
    extracted = await extractor.extract(files.word(tmp_path / "a.docx"), "a.docx")
    assert extracted.pages is None
    assert extracted.passages[0].headings == ("Handbook",)
    assert "## Leave" in text(extracted)
    assert "全员" in text(extracted)


async def test_slides_yield_their_titles_and_points(extractor: Extractor, tmp_path: Path) -> None:
    extracted = await extractor.extract(files.slides(tmp_path / "a.pptx"), "a.pptx")
    assert [word in text(extracted) for word in ("Slide 1", "Point 1", "Slide 2", "Point 2")] == [True] * 4


async def test_each_slide_is_a_page(extractor: Extractor, tmp_path: Path) -> None:
    presentation = files.pptx.Presentation()
    for number in range(1, 4):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = f"Slide {number}"
        slide.placeholders[1].text = f"Point {number} of many. " * 60
    presentation.save(str(tmp_path / "a.pptx"))
    extracted = await extractor.extract(tmp_path / "a.pptx", "a.pptx")
    assert extracted.pages == 3
    found = [(passage.headings, passage.page_start, passage.page_end) for passage in extracted.passages]
    assert found == [((f"Slide {number}",), number, number) for number in range(1, 4)]


async def test_a_book_yields_its_chapters_as_headings(extractor: Extractor, tmp_path: Path) -> None:
    (passage,) = (await read(extractor, tmp_path / "a.epub", containers.epub())).passages
    assert (passage.headings, passage.text) == (("Loomings",), "# Loomings\n\nCall me Ishmael.")


async def test_an_open_document_yields_its_text(extractor: Extractor, tmp_path: Path) -> None:
    body = '<text:h text:outline-level="1">Loomings</text:h><text:p>Call me Ishmael.</text:p>'
    (passage,) = (await read(extractor, tmp_path / "a.odt", containers.odt(body))).passages
    assert (passage.headings, passage.text) == (("Loomings",), "# Loomings\n\nCall me Ishmael.")


@pytest.mark.parametrize("name", ["a.eml", "a.txt", "a"])
async def test_a_message_yields_its_subject_its_body_and_what_is_attached(
    extractor: Extractor, tmp_path: Path, name: str
) -> None:
    message = EmailMessage()
    message["Subject"], message["From"] = "Grüße", "Ann <ann@example.org>"
    message.set_content("The café is open.", charset="iso-8859-1")
    message.add_alternative("<p>The café <b>is</b> open.</p>", subtype="html")
    message.add_attachment("Espresso: 2", filename="prices.txt")
    (passage,) = (await read(extractor, tmp_path / name, message.as_bytes())).passages
    assert passage.headings == ("Grüße",)
    assert passage.text.count("café") == 1
    assert passage.text.endswith("## prices.txt\n\nEspresso: 2")


@pytest.mark.parametrize("charset", ["koi8-r", "windows-1251", "utf-8"])
async def test_a_message_is_decoded_as_it_says(extractor: Extractor, tmp_path: Path, charset: str) -> None:
    header = f"From: a@x.org\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset={charset}\r\n"
    content = f"{header}Content-Transfer-Encoding: 8bit\r\n\r\n\u0414\u0430".encode(charset)
    assert text(await read(extractor, tmp_path / "a.eml", content)).endswith("\u0414\u0430")


async def test_an_outlook_message_yields_its_subject_and_body(extractor: Extractor, tmp_path: Path) -> None:
    content = outlook.message("Grüße", "The café is open.")
    (passage,) = (await read(extractor, tmp_path / "a.msg", content)).passages
    assert (passage.headings, passage.text) == (("Grüße",), "# Grüße\n\nThe café is open.")


async def test_rich_text_yields_its_text(extractor: Extractor, tmp_path: Path) -> None:
    content = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 A {\b caf\'e9}, \u28450?\u23383?.\par Two.\par}"
    assert text(await read(extractor, tmp_path / "a.rtf", content)) == "A **café**, 漢字.\n\nTwo."


@pytest.mark.parametrize("name", ["a.ipynb", "a.json"])
async def test_a_notebook_yields_its_cells_without_images(extractor: Extractor, tmp_path: Path, name: str) -> None:
    output = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "QUFB" * 99}}
    code = {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": ["print(1)"], "outputs": [output]}
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# Sums\n", "In short."]}, code]
    content = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    (passage,) = (await read(extractor, tmp_path / name, content)).passages
    assert passage.headings == ("Sums",)
    assert "print(1)" in passage.text
    assert "QUFB" not in passage.text


async def test_a_workbook_yields_a_table_under_the_name_of_its_sheet(extractor: Extractor, tmp_path: Path) -> None:
    extracted = await extractor.extract(files.workbook(tmp_path / "a.xlsx"), "a.xlsx")
    assert extracted.passages[0].headings == ("Prices",)
    assert "| bolt | 7 |" in text(extracted)


async def test_html_yields_its_text_without_scripts(extractor: Extractor, tmp_path: Path) -> None:
    page = "<!DOCTYPE html><html><head><title>T</title><script>evil()</script></head><body><h1>Top</h1><p>Hé <b>you</b>"
    extracted = await read(extractor, tmp_path / "a.html", page)
    assert text(extracted) == "# Top\n\nHé **you**"
    assert extracted.passages[0].headings == ("Top",)


async def test_the_title_of_html_is_its_heading_when_it_has_none(extractor: Extractor, tmp_path: Path) -> None:
    extracted = await read(extractor, tmp_path / "a.htm", "<html><head><title> Rates </title></head><p>Four percent.")
    assert extracted.passages[0].headings == ("Rates",)


async def test_html_without_a_head_or_a_title_is_read(extractor: Extractor, tmp_path: Path) -> None:
    assert text(await read(extractor, tmp_path / "a.html", "<p>fragment</p>")) == "fragment"
    assert text(await read(extractor, tmp_path / "b.html", "<html><head></head><p>untitled")) == "untitled"


async def test_html_in_latin_1_that_says_so_is_decoded_once(extractor: Extractor, tmp_path: Path) -> None:
    page = '<html><head><meta charset="iso-8859-1"></head><body>café</body></html>'.encode("latin-1")
    assert text(await read(extractor, tmp_path / "a.html", page)) == "café"


async def test_markdown_headings_outside_of_code_make_the_path(extractor: Extractor, tmp_path: Path) -> None:
    filler = "Words fill the passage up to its end. " * 40 + "\n\n"
    source = (
        f"# **Top** #\n\n{filler}## Sub\n\n{filler}```sh\n# no heading\n```\n\n{filler}"
        f"####### too deep\n\n#hashtag\n\n#\n\n{filler}Next\n====\n\n{filler}Under\n-----\n\n{filler}"
    )
    extracted = await read(extractor, tmp_path / "a.md", source)
    paths = list(dict.fromkeys(passage.headings for passage in extracted.passages))
    assert paths == [("Top",), ("Top", "Sub"), ("Next",), ("Next", "Under")]


async def test_a_rule_or_a_row_of_a_table_is_no_heading(extractor: Extractor, tmp_path: Path) -> None:
    source = "---\n\ntwo\nlines\n---\n\n-=-\n\ntext\n\n~~~\nx\n===\n~~~\n"
    assert (await read(extractor, tmp_path / "a.md", source)).passages[-1].headings == ()


async def test_json_is_laid_out_and_its_escapes_are_text(extractor: Extractor, tmp_path: Path) -> None:
    value = {"name": "Zoë", "items": [1, "\ud83d\ude00"]}
    extracted = await read(extractor, tmp_path / "a.json", json.dumps(value))
    assert text(extracted) == json.dumps({"name": "Zoë", "items": [1, "😀"]}, ensure_ascii=False, indent=1)


@pytest.mark.parametrize("content", ["{not json", "[" * 100_000, '{"a": 1}\n{"a": 2}'])
async def test_what_is_no_json_after_all_is_text(extractor: Extractor, tmp_path: Path, content: str) -> None:
    extracted = await read(extractor, tmp_path / "a.json", content)
    assert text(extracted).replace("\n", "") == content.replace("\n", "")


async def test_half_of_a_surrogate_pair_does_no_harm(extractor: Extractor, tmp_path: Path) -> None:
    assert text(await read(extractor, tmp_path / "a.json", r'"\ud800!"')) == '"\ufffd!"'


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.py", "a.unheard-of", "Makefile"])
async def test_text_of_any_name_is_read_as_it_is(extractor: Extractor, tmp_path: Path, name: str) -> None:
    assert text(await read(extractor, tmp_path / name, "def f(x):\r\n    return x, 'ß'\r\n")) == (
        "def f(x):\n    return x, 'ß'"
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"])
async def test_text_is_decoded_whatever_its_encoding(extractor: Extractor, tmp_path: Path, encoding: str) -> None:
    words = "The café in Málaga costs nothing.\n" * 3
    assert text(await read(extractor, tmp_path / "a.txt", words.encode(encoding))) == words.strip()


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-16-le", "Съешь же ещё этих мягких французских булок."),
        ("utf-32-be", "Съешь же ещё этих мягких французских булок."),
        ("koi8_r", "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5),
        ("euc_kr", "안녕하세요 여러분 반갑습니다. 오늘은 날씨가 참 좋네요. 산책을 갑시다. " * 5),
        ("utf-16-be", "\ufeff你好世界"),
        ("cp1251", "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5),
        ("shift_jis", "これは日本語の文章です。文字コードを正しく判定できるでしょうか。" * 5),
        ("gb18030", "这是一个用于测试编码检测的中文句子。我们希望它能被正确识别。" * 5),
    ],
)
async def test_other_scripts_are_decoded_too(extractor: Extractor, tmp_path: Path, encoding: str, words: str) -> None:
    extracted = await read(extractor, tmp_path / "a.txt", words.encode(encoding))
    assert text(extracted) == words.removeprefix("\ufeff").strip()


@pytest.mark.parametrize(
    ("declaration", "encoding"),
    [
        ('<?xml version="1.0" encoding="koi8-r"?>', "koi8_r"),
        ("# -*- coding: mac_cyrillic -*-", "mac_cyrillic"),
        ('<meta charset="iso-8859-5">', "iso8859_5"),
        ("charset=utf-8", "cp1251"),
        ("charset=unheard-of", "cp1251"),
    ],
)
async def test_an_encoding_that_a_text_declares_is_believed_if_it_can_be(
    extractor: Extractor, tmp_path: Path, declaration: str, encoding: str
) -> None:
    words = f"{declaration}\n" + "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
    assert text(await read(extractor, tmp_path / "a.txt", words.encode(encoding))) == words.strip()


async def test_bytes_that_no_code_page_has_are_shown_as_unknown(extractor: Extractor, tmp_path: Path) -> None:
    noise = bytes(range(0x80, 0x100)) * 3
    assert (await read(extractor, tmp_path / "a.txt", noise)).characters > 100


@pytest.mark.parametrize("wrong", ["a.txt", "a.docx", "a.html", "a"])
async def test_a_pdf_under_a_wrong_name_is_read_as_a_pdf(extractor: Extractor, tmp_path: Path, wrong: str) -> None:
    assert (await extractor.extract(files.pdf(tmp_path / "x", ["Still a PDF."]), wrong)).pages == 1


async def test_a_word_document_under_a_wrong_name_is_read_as_one(extractor: Extractor, tmp_path: Path) -> None:
    assert "# Handbook" in text(await extractor.extract(files.word(tmp_path / "x"), "x.pdf"))


async def test_a_page_saved_as_a_pdf_is_read_as_html(extractor: Extractor, tmp_path: Path) -> None:
    page = '<?xml version="1.0"?>\n<!-- saved --><html><body><p>Not found</p></body></html>'
    assert text(await read(extractor, tmp_path / "a.pdf", page)) == "Not found"


async def test_all_of_these_were_read_by_one_child(extractor: Extractor) -> None:
    assert len(children()) == 1
