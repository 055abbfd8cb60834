"""What options may be given as, beyond click's own kinds."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import click

from cli.api import Json

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Limit:
    """What a limit is to be; None for none. An option that is absent is no Limit at all."""

    value: float | None


def limit(text: str) -> Limit:
    if text == "none":
        return Limit(None)
    if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
        raise click.BadParameter(f"{text!r} is neither a number nor 'none'.")
    return Limit(float(text) if "." in text else int(text))


def seconds(text: str) -> int:
    parts = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if parts is None:
        raise click.BadParameter(f"{text!r} is no time like 90d, 12h or 30m.")
    return int(parts[1]) * _UNITS_S[parts[2]]


def attribute(text: str) -> tuple[str, str | float | bool]:
    """A value that JSON would read as a number, true or false is that; all else is text."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE.")
    return name, _scalar(value)


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """What a key and a policy have in common."""
    requests = click.option(
        "--requests-per-minute", "requests", type=limit, metavar="N|none", help="none takes the limit away."
    )
    tokens = click.option(
        "--tokens-per-minute", "tokens", type=limit, metavar="N|none", help="Those of prompts and of answers."
    )
    return requests(tokens(command))


def changes(**named: Limit | bool | None) -> Json:
    """The body that changes what was given and leaves the rest. Raise click.UsageError when nothing was."""
    given = {name: value for name, value in named.items() if value is not None}
    body: Json = {name: value.value if isinstance(value, Limit) else value for name, value in given.items()}
    if not body:
        raise click.UsageError("Say what is to change; --help lists the options.")
    return body


def _scalar(text: str) -> str | float | bool:
    try:
        read: object = json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text
    return read if isinstance(read, bool | int | float) else text


def _no_number(name: str) -> NoReturn:
    """JSON has no NaN, whatever Python's parser takes."""
    raise ValueError(name)
