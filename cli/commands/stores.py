"""Vector stores: which there are."""

import click

from cli.api import Api
from cli.output import Column, field, json_option, moment, show

_COLUMNS = (
    field("ID", "id", whole=True),
    field("Name", "name"),
    field("Status", "status"),
    Column("Files", lambda store: store["file_counts"]["total"], right=True),
    Column("Failed", lambda store: store["file_counts"]["failed"], right=True),
    Column("In progress", lambda store: store["file_counts"]["in_progress"], right=True),
    field("Bytes", "usage_bytes", right=True),
    Column("Created", lambda store: moment(store["created_at"]), whole=True),
)


@click.group()
def stores() -> None:
    """The vector stores of your tenant."""


@stores.command("list")
@json_option
@click.pass_obj
def list_stores(api: Api, *, as_json: bool) -> None:
    """All stores, newest first, with the counts of their files."""
    show(api.every("vector_stores"), _COLUMNS, as_json=as_json, none="There are no stores; `upload` makes one.")
