"""docs/cli.md names the commands that there are."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from cli.program import program

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"


def commands(group: click.Group, prefix: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name


def test_the_page_has_every_command_and_no_other() -> None:
    assert set(re.findall(r"^\| `([a-z ]+)` \|", PAGE.read_text(), re.MULTILINE)) == set(commands(program))
