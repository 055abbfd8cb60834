"""The command line as a whole: its commands, and how it ends."""

from collections.abc import Sequence

import click

from cli.api import Api
from cli.commands import chat, doctor, documents, keys, limits, reindex, stores, upload, usage
from cli.connection import KEY, URL, Connection
from cli.failures import CommandError

NAME = "python -m cli"
_INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""

_WHERE = f"""
Without {URL} and --url it talks to local mode, with the key that `make run` prints. Any other place needs its key
in {KEY}.
"""


_COMMANDS = (
    doctor.doctor,
    chat.chat,
    upload.upload,
    stores.stores,
    documents.documents,
    keys.keys,
    limits.limits,
    reindex.reindex,
    usage.usage,
    usage.costs,
)


@click.group(epilog=_WHERE, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", metavar="URL", help=f"Where Flightdeck is; else {URL}, else local mode.")
@click.pass_context
def program(context: click.Context, url: str | None) -> None:
    """Flightdeck from the terminal."""
    context.obj = context.with_resource(Api(Connection.find(url)))


for command in _COMMANDS:
    program.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 not done, 2 wrongly asked, 130 interrupted."""
    try:
        return program.main(arguments, prog_name=NAME, standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"Error: {where}{error.strerror or error}.", err=True)
        return 1
    except CommandError as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 -- the outermost frame: a traceback helps nobody at a terminal
        click.echo(f"Error: {type(error).__name__}: {error}. This is a fault of the command line.", err=True)
        return 1
