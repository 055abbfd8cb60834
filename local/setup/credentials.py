"""The secrets of one local installation: made at first start, kept in its folder, readable by its owner only."""

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_KEY_ID = "local"
_SCOPES = ["models", "documents", "usage", "admin", "operator"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """`api_key` is the user's; `pepper` hashes keys; `model_key` is what the platform shows to the model server."""

    api_key: str
    pepper: str
    model_key: str


def credentials(folder: Path) -> Credentials:
    """Read the folder's secrets, or make them."""
    path = folder / "secrets.json"
    if path.exists():
        return Credentials(**json.loads(path.read_text()))
    made = Credentials(
        api_key=f"fd_local_{secrets.token_urlsafe(32)}",
        pepper=secrets.token_urlsafe(32),
        model_key=secrets.token_urlsafe(32),
    )
    write_private(path, json.dumps(asdict(made), indent=2) + "\n")
    return made


def write_key_list(folder: Path, owned: Credentials) -> Path:
    """Bring our entry of keys.json up to date; entries that somebody added stay."""
    path = folder / "keys.json"
    found: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    digest = hmac.digest(owned.pepper.encode(), owned.api_key.encode(), hashlib.sha256).hex()
    ours = {"id": _KEY_ID, "hmac": digest, "tenant": "local", "principals": ["user:local"], "scopes": _SCOPES}
    others = [entry for entry in found if entry.get("id") != _KEY_ID]
    write_private(path, json.dumps([ours, *others], indent=2) + "\n")
    return path


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; nobody but its owner can read it at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    beside.replace(path)
