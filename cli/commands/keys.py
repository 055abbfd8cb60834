"""API keys of a tenant: what an administrator does with them (docs/keys.md)."""

import click

from cli.api import Api, Json
from cli.output import Column, field, moment, show

PATH = "organization/admin_api_keys"

COLUMNS = (
    field("ID", "id"),
    field("Name", "name"),
    field("Tenant", "project_id"),
    Column("Scopes", lambda key: " ".join(key["scopes"])),
    Column("Principals", lambda key: ", ".join(key["principals"])),
    field("Requests/min", "max_requests_per_1_minute", right=True),
    field("Tokens/min", "max_tokens_per_1_minute", right=True),
    Column("Created", lambda key: moment(key["created_at"])),
    Column("Expires", lambda key: moment(key["expires_at"]) or "never"),
    field("Key", "redacted_value"),
)


@click.group()
def keys() -> None:
    """Make, list, limit and revoke API keys. Needs a key with the scope `admin`."""


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs: the objects as the server has them.")
@click.pass_obj
def list_keys(api: Api, *, as_json: bool) -> None:
    """The keys of your tenant, oldest first."""
    found: list[Json] = list(api.every(PATH))
    show(found, COLUMNS, as_json=as_json, none="There are no keys but those of the deployment itself.")
