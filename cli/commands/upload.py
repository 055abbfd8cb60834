"""`upload`: folders into a vector store, with what is there already left alone."""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.api import Api
from cli.failures import CommandError
from cli.output import field, note, print_json, show
from cli.parameters import attribute
from cli.stores import find_store
from cli.upload.folders import Choice, chosen
from cli.upload.known import normal

if TYPE_CHECKING:
    from cli.upload.sending import Outcome

_MIB = 2**20
_FILES = (field("File", "name"), field("Bytes", "bytes", right=True))
_FAILED = (field("File", "name"), field("Reason", "reason"))


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--store", required=True, metavar="STORE", help="Id or name; a name that no store has makes one.")
@click.option("--include", multiple=True, metavar="PATTERN", help="Only these: *.md, guides/**. Repeatable.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Not these. Repeatable.")
@click.option("--hidden", is_flag=True, help="Also what begins with a dot.")
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    type=attribute,
    metavar="NAME=VALUE",
    help="Of each file; acl=hr,legal says who reads.",
)
@click.option("--at-once", type=click.IntRange(1, 32), default=4, show_default=True, help="How many files at a time.")
@click.option(
    "--part-mib", type=click.IntRange(1, 64), default=32, show_default=True, help="Larger files go in parts of so much."
)
@click.option("--wait/--no-wait", default=True, help="Until everything is indexed.")
@click.option("--dry-run", is_flag=True, help="Only say which files are meant.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def upload(
    api: Api,
    *,
    paths: tuple[Path, ...],
    store: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    hidden: bool,
    attributes: tuple[tuple[str, str | float | bool], ...],
    at_once: int,
    part_mib: int,
    wait: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring files and folders into a vector store.

    What is there unchanged is left alone, so repeat it at will. Ends with a table of what failed and why, if anything,
    and then exits with 1.
    """
    given = normal(dict(attributes))
    files = chosen(paths, Choice(include, exclude, hidden))
    if not files:
        raise CommandError(f"No file in {', '.join(map(str, paths))} is meant.")
    if dry_run:
        show([{"name": file.name, "bytes": file.size_bytes} for file in files], _FILES, as_json=as_json)
        return
    from cli.upload.run import Wishes, bring

    store_id = (find_store(api, store) or api.post("vector_stores", {"name": store}))["id"]
    wishes = Wishes(given, at_once, part_mib * _MIB, wait)
    try:
        outcomes = asyncio.run(bring(api.connection, store_id, files, wishes))
    except KeyboardInterrupt:
        note("What is uploaded stays. The same command goes on from there.")
        raise
    _tell(store_id, outcomes, as_json=as_json)
    if any(outcome.reason for outcome in outcomes):
        sys.exit(1)


def _tell(store_id: str, outcomes: Sequence["Outcome"], *, as_json: bool) -> None:
    if as_json:
        print_json({"store_id": store_id, "files": [asdict(outcome) for outcome in outcomes]})
        return
    failed = [asdict(outcome) for outcome in outcomes if outcome.reason]
    if failed:
        show(failed, _FAILED, as_json=False)
    counts = Counter("failed" if outcome.reason else outcome.what for outcome in outcomes)
    told = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    note(f"{store_id}: {told or 'no files'}.")
