"""A change of the embedding model: how far it is, and waiting until the next model answers (docs/operations.md)."""

import time
from collections.abc import Iterator

import click

from cli.api import Api, Json
from cli.failures import CommandError
from cli.output import Column, field, json_option, moment, note, print_json, show

_PATH = "organization/embedding_model"
_LOOK_S = 2
_COLUMNS = (
    field("Status", "status"),
    field("Answers", "model"),
    field("Next", "next_model"),
    field("Carried", "carried_documents", right=True),
    Column("Began", lambda standing: moment(standing["began_at"]), whole=True),
    Column("Switches after", lambda standing: moment(standing["switches_after"]), whole=True),
)


@click.command()
@click.option("--wait", is_flag=True, help="Tell each change, until the next model answers.")
@json_option
@click.pass_obj
def reindex(api: Api, *, wait: bool, as_json: bool) -> None:
    """How far the change of the embedding model is.

    FLIGHTDECK_EMBEDDING_MODEL_NEXT says to which model; the app carries every document there, beside the index that
    answers. With --wait, exits with 1 if no change is under way. Needs the scope `operator`.
    """
    standing = api.get(_PATH)
    if wait:
        for seen in _followed(api, standing):
            standing = seen
            note(_sentence(standing))
    if as_json:
        print_json(standing)
    else:
        show([standing], _COLUMNS, as_json=False)


def _followed(api: Api, standing: Json) -> Iterator[Json]:
    """The standing at each change, until the next model answers."""
    if standing["status"] == "unchanged":
        raise CommandError(
            f"{standing['model']!r} answers, and FLIGHTDECK_EMBEDDING_MODEL_NEXT names no other model to change to."
        )
    yield standing
    while standing["status"] in ("waiting", "carrying"):
        time.sleep(_LOOK_S)
        seen, standing = standing, api.get(_PATH)
        if standing != seen:
            yield standing


def _sentence(standing: Json) -> str:
    match standing["status"]:
        case "waiting":
            return f"waiting for migrate_embeddings to begin with {standing['next_model']!r}"
        case "carrying":
            carried = f"carrying to {standing['next_model']!r}: {standing['carried_documents']:,} documents so far"
            return f"{carried}; it answers after {moment(standing['switches_after'])} UTC at the earliest"
        case _:
            return f"{standing['model']!r} answers"
