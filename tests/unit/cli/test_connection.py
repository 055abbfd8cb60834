"""Where the command line looks for the product and for its key, and what it takes for one."""

from pathlib import Path

import click
import pytest

from cli.connection import Connection
from cli.parameters import attribute, limit, seconds


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / "env"
    path.write_text("export OPENAI_BASE_URL=http://127.0.0.1:7000/v1\nexport OPENAI_API_KEY='fd_local_x'\n")
    return path


@pytest.mark.parametrize(
    ("url", "environ", "found"),
    [
        (None, {}, ("http://127.0.0.1:7000", "fd_local_x")),
        (None, {"FLIGHTDECK_API_KEY": "fd_mine\n"}, ("http://127.0.0.1:7000", "fd_mine")),
        (None, {"FLIGHTDECK_URL": "https://a.example/v1/"}, ("https://a.example", None)),
        ("https://b.example", {"FLIGHTDECK_URL": "https://a.example"}, ("https://b.example", None)),
        ("http://127.0.0.1:7000/", {}, ("http://127.0.0.1:7000", "fd_local_x")),
    ],
)
def test_what_is_asked_for_wins_and_local_modes_key_goes_to_local_mode_only(
    url: str | None, environ: dict[str, str], found: tuple[str, str | None], env_file: Path
) -> None:
    connection = Connection.find(url, environ, env_file)
    assert (connection.url, connection.key) == found


def test_without_anything_it_is_local_modes_usual_port(tmp_path: Path) -> None:
    assert Connection.find(None, {}, tmp_path / "none").url == "http://127.0.0.1:7071"


@pytest.mark.parametrize("url", ["flightdeck", "ftp://x", "http://", "http://x:port", "https://x/v1?key=1"])
def test_what_is_no_address_is_said(url: str, env_file: Path) -> None:
    with pytest.raises(click.UsageError, match="must be an address"):
        Connection.find(url, {}, env_file)


@pytest.mark.parametrize("key", ["fd_ü", "fd a", "fd\x00"])
def test_a_key_that_cannot_be_sent_is_said_and_not_repeated(key: str, env_file: Path) -> None:
    with pytest.raises(click.UsageError) as refused:
        Connection.find(None, {"FLIGHTDECK_API_KEY": key}, env_file)
    assert key not in refused.value.message


def test_options_say_what_they_take() -> None:
    assert (limit("600").value, limit("12.5").value, limit("none").value) == (600, 12.5, None)
    assert (seconds("90d"), seconds("30m")) == (7_776_000, 1800)
    assert [attribute(text)[1] for text in ("a=2024", "a=true", "a=x=y", "a=", "a=NaN")] == [
        2024,
        True,
        "x=y",
        "",
        "NaN",
    ]
    for kind, text in (
        (limit, "lots"),
        (limit, "nan"),
        (limit, "-1"),
        (seconds, "soon"),
        (attribute, "year"),
        (attribute, "=x"),
    ):
        with pytest.raises(click.BadParameter, match=repr(text)):
            kind(text)
