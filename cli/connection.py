"""Where the product is and the key to it: what was asked for, else the environment, else this checkout's local mode.

A key is never an argument: other users of a machine can read those. Local mode's key goes to local mode only.
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from cli.failures import CommandError

URL, KEY = "FLIGHTDECK_URL", "FLIGHTDECK_API_KEY"
LOCAL_URL = "http://127.0.0.1:7071"
ENV_FILE = Path(__file__).parents[1] / ".local" / "env"
"""What `make run` writes."""


@dataclass(frozen=True, slots=True)
class Connection:
    """`url` is without `/v1`; `url_from` and `key_from` say who named them."""

    url: str
    url_from: str
    key: str | None
    key_from: str

    @classmethod
    def find(cls, url: str | None, environ: Mapping[str, str] = os.environ, env_file: Path = ENV_FILE) -> "Connection":
        """Raise click.UsageError for what can be no address or no key."""
        local = _local(env_file)
        local_url = _address(local.get("OPENAI_BASE_URL", LOCAL_URL), str(env_file))
        if url:
            found, url_from = _address(url, "--url"), "--url"
        elif environ.get(URL):
            found, url_from = _address(environ[URL], URL), URL
        else:
            found, url_from = local_url, "local mode"
        if environ.get(KEY):
            return cls(found, url_from, _sendable(environ[KEY]), KEY)
        if found == local_url and local.get("OPENAI_API_KEY"):
            return cls(found, url_from, _sendable(local["OPENAI_API_KEY"]), "local mode")
        return cls(found, url_from, None, "nowhere")

    @property
    def api(self) -> str:
        """What OpenAI's clients call the base URL."""
        return f"{self.url}/v1"

    @property
    def secret(self) -> str:
        """Raise CommandError where there is no key."""
        if self.key is None:
            raise CommandError(f"There is no key for {self.url}: set {KEY}.")
        return self.key


def _local(env_file: Path) -> dict[str, str]:
    """The variables that local mode wrote down; none where it has never run."""
    try:
        words = shlex.split(env_file.read_text(), comments=True)
    except (OSError, ValueError):
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)


def _address(given: str, where: str) -> str:
    """Without a slash or `/v1` at its end: people have OpenAI's base URL at hand."""
    address = given.strip().rstrip("/").removesuffix("/v1")
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        _ = parts.port
    except ValueError:
        right = False
    if not right:
        raise click.UsageError(f"{where} must be an address like https://flightdeck.example, not {given!r}.")
    return address


def _sendable(key: str) -> str:
    key = key.strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise click.UsageError(f"{KEY} holds a space or a character that is in no key.")
    return key
