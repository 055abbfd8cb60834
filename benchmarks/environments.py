"""Virtual environments of what Flightdeck is compared with, each from pinned requirements, made on first use."""

import asyncio
import os
import shutil
from pathlib import Path

from benchmarks.report import ROOT

_FOLDER = ROOT / ".bench"


def requirements(name: str) -> Path:
    return ROOT / "benchmarks" / f"requirements-{name}.txt"


def program(name: str, executable: str) -> Path:
    """A program of the environment, whether it is there or not."""
    return _FOLDER / name / "bin" / executable


def version(name: str, package: str) -> str:
    pins = requirements(name).read_text().splitlines()
    return next(pin for pin in pins if pin.startswith(f"{package}==")).partition("==")[2]


async def install(name: str) -> None:
    """Make `.bench/{name}` when it is not there or its requirements changed."""
    environment = _FOLDER / name
    stamp = environment / "requirements.txt"
    wanted = requirements(name).read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Installing {requirements(name).name} into .bench/{name} (once) ...", flush=True)
    await _uv("venv", "--quiet", "--clear", "--python", "3.13", str(environment))
    # Copies: NLTK refuses to read files that have a second link, in uv's cache.
    arguments = [
        "--quiet",
        "--compile-bytecode",
        "--link-mode",
        "copy",
        "--python",
        str(environment / "bin" / "python"),
    ]
    await _uv("pip", "install", *arguments, "-r", str(requirements(name)))
    stamp.write_text(wanted)


async def _uv(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(_find_uv(), *arguments)
    if await process.wait():
        raise SystemExit(f"`uv {arguments[0]}` failed.")


def _find_uv() -> str:
    places = [ROOT / ".venv" / "bin", ROOT / ".tools" / "bin", ROOT / ".tools", Path.home() / ".local" / "bin"]
    found = shutil.which("uv", path=os.pathsep.join([*map(str, places), os.environ.get("PATH", "")]))
    if found is None:
        raise SystemExit("This needs uv; `make bench` brings it.")
    return found
