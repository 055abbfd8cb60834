"""An edit of the ingestion benchmark touches one place of a document, and only of some."""

from pathlib import Path

from benchmarks.ingestion import edit

PAGE = "<p>First words.</p>\n" * 40


def test_every_fifth_document_gets_one_sentence_near_its_middle(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    documents = [folder / f"{number:02}.html" for number in range(10)]
    for path in documents:
        path.write_text(PAGE)
    assert edit(documents, tmp_path / "edited") == 2
    changed = [path.name for path in documents if (tmp_path / "edited" / path.name).read_text() != PAGE]
    assert changed == ["00.html", "05.html"]
    text = (tmp_path / "edited" / "00.html").read_text()
    assert text.count(" This sentence was not here before.") == 1
    assert len(PAGE) // 2 < text.index(" This sentence") < len(PAGE) // 2 + 20


def test_a_document_without_a_sentence_that_ends_is_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "table.txt").write_text("1 2 3\n" * 100)
    assert edit(list(folder.iterdir()), tmp_path / "edited") == 0


def test_a_binary_document_is_never_edited(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(b"ends here.\n" * 100)
    assert edit(list(folder.iterdir()), tmp_path / "edited") == 0
