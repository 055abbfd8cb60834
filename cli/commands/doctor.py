"""`doctor`: what is reachable, what is wrong, and what to do about it. Each finding is one line."""

import sys

import click

from cli.api import Api
from cli.examination import Finding, examine
from cli.output import json_option, print_json, printable

_MARKS = {"ok": ("✓", "green"), "note": ("!", "yellow"), "wrong": ("✗", "red")}


@click.command()
@click.option("--calls/--no-calls", default=True, help="Ask each model a few tokens' worth, to see that it answers.")
@json_option
@click.pass_obj
def doctor(api: Api, *, calls: bool, as_json: bool) -> None:
    """Say what is wrong, and what to do.

    Looks at the address, the key, what the app depends on, each model and the documents. Exits with 1 if anything is
    wrong.
    """
    found: list[Finding] = []
    for finding in examine(api, calls=calls):
        found.append(finding)
        if not as_json:
            _tell(finding)
    if as_json:
        print_json([finding.as_json() for finding in found])
    if any(finding.state == "wrong" for finding in found):
        sys.exit(1)


def _tell(finding: Finding) -> None:
    says = printable(" ".join(part for part in (finding.says, finding.advice) if part))
    if not sys.stdout.isatty():
        click.echo(f"{finding.state}\t{finding.about}\t{says}")
        return
    mark, colour = _MARKS[finding.state]
    click.echo(f"{click.style(mark, fg=colour)} {click.style(finding.about, bold=True)}: {says}")
