"""Which files of a folder are meant."""

from pathlib import Path

import pytest

from cli.failures import CommandError
from cli.upload.folders import Choice, chosen

NAMES = ("a.md", "b.txt", "guides/c.md", "guides/deep/d.md", "node_modules/e.md", ".git/f.md", "guides/.g.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (Choice(), ["a.md", "b.txt", "guides/c.md", "guides/deep/d.md", "node_modules/e.md"]),
        (Choice(include=["*.txt"]), ["b.txt"]),
        (Choice(include=["guides/*"]), ["guides/c.md"]),
        (Choice(include=["guides/**"], exclude=["d.*"]), ["guides/c.md"]),
        (Choice(exclude=["node_modules", "guides"]), ["a.md", "b.txt"]),
        (Choice(include=["*.md"], exclude=["**/c.md", "node_modules"], hidden=True),
         [".git/f.md", "a.md", "guides/.g.md", "guides/deep/d.md"]),
    ],
)  # fmt: skip
def test_patterns_choose_by_part_or_by_whole_name(folder: Path, choice: Choice, names: list[str]) -> None:
    assert [file.name for file in chosen([folder], choice)] == names


def test_a_file_that_is_named_itself_is_meant_whatever_the_patterns(folder: Path) -> None:
    (file,) = chosen([folder / ".git" / "f.md"], Choice(include=["*.txt"]))
    assert (file.name, file.size_bytes) == ("f.md", 9)


def test_two_files_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(CommandError, match=r"would both be named 'c\.md'"):
        chosen([folder / "guides", folder / "guides" / "c.md"], Choice())


def test_links_in_a_circle_end(folder: Path) -> None:
    (folder / "guides" / "back").symlink_to(folder)
    assert len(chosen([folder], Choice())) == 5
