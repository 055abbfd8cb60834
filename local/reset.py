"""`python -m local reset`: delete what local mode stored in its folder, and keep its keys, models and logs."""

import shutil
from pathlib import Path

from local.setup.ownership import owned

_DATA = ("azurite", "eventgrid.json", "flightdeck.db", "flightdeck.db-wal", "flightdeck.db-shm")


def reset(folder: Path, *, sure: bool) -> str:
    """Delete the data, after a question unless `sure`. Raises AlreadyRunningError while local mode uses the folder."""
    with owned(folder, "reset"):
        found = [path for path in (folder / name for name in _DATA) if path.exists()]
        if not found:
            return f"There is no data in {folder}."
        if not sure and not _agreed(folder, found):
            return "Nothing was deleted."
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return f"Deleted from {folder}: {_names(found)}."


def _agreed(folder: Path, found: list[Path]) -> bool:
    try:
        answer = input(f"Delete {_names(found)} from {folder}: all blobs, queues, documents and usage? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")


def _names(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths)
