"""How the command line ends, where it needs no product for that."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.program import main

ROOT = Path(__file__).parents[3]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLIGHTDECK_URL", raising=False)
    monkeypatch.setenv("FLIGHTDECK_API_KEY", "fd_somebodys")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "flightdeck", "doctor"], "not 'flightdeck'"),
        (["kesy"], "No such command 'kesy'"),
        (["keys", "create", "bot", "--expires", "soon"], "'soon' is no time"),
        (["keys", "revoke", "key_1"], "say --yes"),
        (["limits", "set", "acme"], "Say what is to change"),
        (["documents", "retry", "shelf"], "Name files, or say --failed"),
    ],
)
def test_what_cannot_be_meant_ends_with_two(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_where_nobody_listens_the_address_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", NOBODY, "keys", "list"]) == 1
    assert capsys.readouterr().err.startswith(f"Error: {NOBODY} (from --url) cannot be reached: ")


def test_the_doctor_goes_no_further_than_an_address_where_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--url", f"{NOBODY}/v1/", "doctor", "--json"])
    (finding,) = json.loads(capsys.readouterr().out)
    assert (ended.value.code, finding["state"], finding["about"]) == (1, "wrong", "address")


def test_without_a_key_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("FLIGHTDECK_API_KEY")
    assert main(["--url", NOBODY, "keys", "list"]) == 1
    assert capsys.readouterr().err == f"Error: There is no key for {NOBODY}: set FLIGHTDECK_API_KEY.\n"


def test_without_its_packages_it_names_the_one_that_is_missing() -> None:
    command = [sys._base_executable, "-S", "-m", "cli", "doctor"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("There is no package 'click'")
