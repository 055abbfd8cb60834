"""API keys of a tenant: what an administrator does with them (docs/keys.md)."""

import sys

import click

from cli.api import Api, Json, segment
from cli.output import Column, field, json_option, moment, note, print_json, show
from cli.parameters import Limit, changes, limit_options, seconds

_KEYS = "organization/admin_api_keys"
_SCOPES = ("models", "documents", "usage", "admin", "operator")

_COLUMNS = (
    field("ID", "id", whole=True),
    field("Name", "name"),
    field("Tenant", "project_id"),
    Column("Scopes", lambda key: " ".join(key["scopes"])),
    Column("Principals", lambda key: ", ".join(key["principals"])),
    field("Req/min", "max_requests_per_1_minute", right=True),
    field("Tok/min", "max_tokens_per_1_minute", right=True),
    Column("Created", lambda key: moment(key["created_at"]), whole=True),
    Column("Expires", lambda key: moment(key["expires_at"]) or "never", whole=True),
)


@click.group()
def keys() -> None:
    """Make, list, limit and revoke API keys.

    Needs a key with the scope `admin`.
    """


@keys.command("list")
@json_option
@click.pass_obj
def list_keys(api: Api, *, as_json: bool) -> None:
    """The keys of your tenant, oldest first."""
    show(api.every(_KEYS), _COLUMNS, as_json=as_json, none="There are no keys but those of the deployment itself.")


@keys.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(_SCOPES), help="Repeatable; default: the first three."
)
@click.option("--principal", "principals", multiple=True, metavar="NAME", help="Whose documents it finds. Repeatable.")
@click.option(
    "--expires",
    "expires_s",
    type=seconds,
    metavar="90d|12h|30m",
    help="How long it works; default: until it is revoked.",
)
@click.option("--tenant", metavar="NAME", help="Another tenant than yours; needs the scope `operator`.")
@limit_options
@json_option
@click.pass_obj
def create(
    api: Api,
    *,
    name: str,
    scopes: tuple[str, ...],
    principals: tuple[str, ...],
    expires_s: int | None,
    tenant: str | None,
    requests: Limit | None,
    tokens: Limit | None,
    as_json: bool,
) -> None:
    """Make a key.

    It is shown this once, alone on standard output: KEY=$(python -m cli keys create NAME).
    """
    wanted: Json = {
        "name": name,
        "scopes": scopes or None,
        "principals": principals or None,
        "expires_in_seconds": expires_s,
        "project_id": tenant,
        "max_requests_per_1_minute": requests and requests.value,
        "max_tokens_per_1_minute": tokens and tokens.value,
    }
    made = api.post(_KEYS, {field: value for field, value in wanted.items() if value is not None})
    if as_json:
        print_json(made)
        return
    until = moment(made["expires_at"])
    ends = f"works until {until} UTC" if until else "works until it is revoked"
    note(f"{made['id']} for {', '.join(made['scopes'])} in {made['project_id']} {ends}. It is shown this once.")
    click.echo(made["value"])


@keys.command()
@click.argument("key_id")
@click.option("--name", help="What it is called from now on.")
@limit_options
@json_option
@click.pass_obj
def limit(
    api: Api, *, key_id: str, name: str | None, requests: Limit | None, tokens: Limit | None, as_json: bool
) -> None:
    """Change its name or its limits."""
    body: Json = {"name": name} if name else {}
    if requests or tokens or not body:
        body |= changes(max_requests_per_1_minute=requests, max_tokens_per_1_minute=tokens)
    show([api.post(f"{_KEYS}/{segment(key_id)}", body)], _COLUMNS, as_json=as_json)


@keys.command()
@click.argument("key_ids", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def revoke(api: Api, *, key_ids: tuple[str, ...], yes: bool) -> None:
    """Revoke keys, for good.

    An instance may remember a key for half a minute.
    """
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: say --yes.")
    found = [api.get(f"{_KEYS}/{segment(key_id)}") for key_id in key_ids]
    for key in found:
        if yes or click.confirm(f"Revoke {key['id']} ({key['name']})?"):
            api.delete(f"{_KEYS}/{segment(key['id'])}")
            note(f"Revoked {key['id']} ({key['name']}).")


@keys.command()
@click.option("--last", type=click.IntRange(1, 100), default=20, show_default=True, help="How many entries.")
@json_option
@click.pass_obj
def log(api: Api, *, last: int, as_json: bool) -> None:
    """Who made, changed and revoked what, newest first."""
    show(api.get("organization/audit_logs", limit=last)["data"], _LOG, as_json=as_json, none="Nothing was done yet.")


_LOG = (
    Column("When", lambda entry: moment(entry["effective_at"]), whole=True),
    field("What", "type"),
    Column("Of", lambda entry: entry[entry["type"]]["id"], whole=True),
    Column("By key", lambda entry: entry["actor"]["api_key"]["id"]),
    Column("In", lambda entry: entry["project"]["id"]),
)
