"""One local mode a folder, and ports: who has them, and which are free."""

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LOWEST_PORT, _HIGHEST_PORT = 20_000, 32_000


class AlreadyRunningError(Exception):
    """Another local mode uses this folder."""


@contextmanager
def owned(folder: Path, url: str) -> Generator[None]:
    """Hold the folder until the block ends, or the process dies. Raise AlreadyRunningError that says who holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(_who(lock.name, folder)) from None
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "url": url}))
        lock.flush()
        yield
        lock.truncate(0)


@dataclass(frozen=True, slots=True)
class Holder:
    pid: int
    url: str


def holder(folder: Path) -> Holder | None:
    """Who holds the folder; None when nobody does, or has only begun to."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _written(folder / "lock")


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def any_port() -> int:
    """A free port that no outgoing connection takes meanwhile: systems give those numbers from 32768 up."""
    while not port_is_free(port := _LOWEST_PORT + secrets.randbelow(_HIGHEST_PORT - _LOWEST_PORT)):
        pass
    return port


def _written(lock: Path) -> Holder | None:
    try:
        return Holder(**json.loads(lock.read_text()))
    except ValueError:
        return None


def _who(lock: str, folder: Path) -> str:
    held = _written(Path(lock))
    if held is None:
        return f"Local mode is already starting or stopping in {folder}."
    return f"Local mode already runs in {folder}: {held.url}, process {held.pid}. Stop it there with Ctrl-C."
