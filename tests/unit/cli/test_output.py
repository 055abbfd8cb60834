"""What the command line makes of others' words and of amounts."""

import pytest

from cli.failures import CommandError
from cli.output import dollars, printable
from cli.upload.known import Known, normal


@pytest.mark.parametrize("text", ["déjà\u00a0vu", "東京\u3000大阪", "👩\u200d🚀", "a\tb\n", "عربي"])
def test_every_script_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b2J", "\x07", "\u202e", "\ud800", "\x7f"])
def test_nothing_commands_the_terminal(text: str) -> None:
    assert printable(text)[0] == "�"


def test_windows_lines_end_as_others_do() -> None:
    assert printable("a\r\nb") == "a\nb"


def test_amounts_are_exact() -> None:
    assert [dollars(amount) for amount in (0, 1, 1_000_000, 12_345_678)] == [
        "$0.000000",
        "$0.000001",
        "$1.000000",
        "$12.345678",
    ]


def test_an_acl_is_compared_as_the_store_shows_it() -> None:
    assert normal({"acl": "legal, hr", "year": 2024}) == {"acl": "hr,legal", "year": 2024}
    with pytest.raises(CommandError, match="'sha256'"):
        normal({"sha256": "mine"})


def test_what_is_known_of_a_name_is_by_its_bytes() -> None:
    def file(file_id: str, digest: str, status: str = "completed") -> dict[str, object]:
        return {"id": file_id, "status": status, "attributes": {"path": "a.md", "sha256": digest}}

    other = {"id": "dropped", "status": "completed", "attributes": {}}
    known = Known.of([file("new", "2"), other, file("old", "1"), file("gone", "2", "cancelled")])["a.md"]
    there = known.made_of("1")
    assert there is not None
    assert (there["id"], known.others("old"), known.made_of("3")) == ("old", ("new",), None)
