"""The documents of a vector store: how far they are, what became of them, and another try (docs/ingestion.md)."""

import sys
import time
from collections.abc import Iterator

import click

from cli.api import Api, Json, segment
from cli.output import Column, field, json_option, moment, note, print_json, printable, show
from cli.stores import store_id

_STATUSES = ("in_progress", "completed", "failed", "cancelled")
_STAGES = ("download", "extract", "embed", "write", "publish")
_LOOK_S = 0.5
_BAR = 40

_COLUMNS = (
    field("File", "id", whole=True),
    Column("Name", lambda file: file["attributes"].get("path", file["filename"])),
    Column("State", lambda file: file["progress"]["state"]),
    Column("Parts", lambda file: _parts(file["progress"])),
    Column("Chunks", lambda file: file["progress"]["chunks"], right=True),
    Column("Tokens", lambda file: file["progress"]["tokens"], right=True),
    Column("Attached", lambda file: moment(file["created_at"]), whole=True),
    Column("Reason", lambda file: _reason(file)),
)


@click.group()
def documents() -> None:
    """Documents of a store: state, retry."""


@documents.command("list")
@click.argument("store")
@click.option("--status", type=click.Choice(_STATUSES), help="Only those.")
@json_option
@click.pass_obj
def list_documents(api: Api, *, store: str, status: str | None, as_json: bool) -> None:
    """All documents, newest first.

    With the state of each, and the reason where one failed.
    """
    files = api.every(f"vector_stores/{store_id(api, store)}/files", filter=status)
    show(files, _COLUMNS, as_json=as_json, none="There are none.")


@documents.command("show")
@click.argument("store")
@click.argument("file_id")
@click.option("--follow", is_flag=True, help="Tell each change until it is indexed or has failed.")
@json_option
@click.pass_obj
def show_document(api: Api, *, store: str, file_id: str, follow: bool, as_json: bool) -> None:
    """How far one is, and what took how long.

    With --follow, exits with 1 if it failed.
    """
    path = f"vector_stores/{store_id(api, store)}/files/{segment(file_id)}"
    file = api.get(path)
    if follow:
        for seen in _followed(api, path, file):
            file = seen
            note(f"{file['progress']['state']} {_parts(file['progress'])}".rstrip())
    if as_json:
        print_json(file)
    else:
        click.echo(printable("\n".join(_timeline(file))))
    if follow and file["status"] == "failed":
        sys.exit(1)


@documents.command()
@click.argument("store")
@click.argument("file_ids", nargs=-1)
@click.option("--failed", is_flag=True, help="All that failed.")
@json_option
@click.pass_obj
def retry(api: Api, *, store: str, file_ids: tuple[str, ...], failed: bool, as_json: bool) -> None:
    """Index some anew, or all that failed."""
    if failed == bool(file_ids):
        raise click.UsageError("Name files, or say --failed.")
    path = f"vector_stores/{store_id(api, store)}/files"
    ids = [file["id"] for file in api.every(path, filter="failed")] if failed else file_ids
    tried = [api.post(f"{path}/{segment(file_id)}/retry") for file_id in ids]
    show(tried, _COLUMNS, as_json=as_json, none="None failed.")


def _followed(api: Api, path: str, file: Json) -> Iterator[Json]:
    """The document at each change, until it is in progress no more."""
    yield file
    while file["status"] == "in_progress":
        time.sleep(_LOOK_S)
        seen, file = file, api.get(path)
        if file["progress"] != seen["progress"]:
            yield file


def _timeline(file: Json) -> Iterator[str]:
    progress, timings = file["progress"], file["progress"]["timings_ms"]
    yield f"{file['attributes'].get('path', file['filename'])} ({file['id']} in {file['vector_store_id']})"
    yield f"attached {moment(file['created_at'])} UTC"
    yield f"state    {progress['state']} {_parts(progress)}".rstrip()
    yield f"index    {progress['chunks']:,} passages, {progress['tokens']:,} tokens, {file['usage_bytes']:,} bytes"
    if progress["attempts"]:
        yield f"attempts {progress['attempts']} failed in a row"
    if reason := _reason(file):
        yield f"reason   {reason}"
    longest = max(timings.values(), default=0)
    for stage in (*_STAGES, *(name for name in timings if name not in _STAGES)):
        if stage in timings:
            bar = "█" * max(1, round(timings[stage] / max(longest, 1) * _BAR))
            yield f"{stage:8} {timings[stage]:>8,} ms {bar}"


def _parts(progress: Json) -> str:
    return f"{progress['parts_done']}/{progress['parts']}" if progress["parts"] else ""


def _reason(file: Json) -> str:
    error = file["last_error"]
    return "" if error is None else f"{error['code']}: {error['message']}"
