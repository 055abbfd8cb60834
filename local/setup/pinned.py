"""Virtual environments of other programs, each from pinned requirements, made on first use: rivals, and clients."""

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class PinnedEnvironment:
    """A folder in which exactly the requirements are installed, and nothing of ours."""

    folder: Path
    requirements: Path

    def program(self, executable: str) -> Path:
        """A program of the environment, whether it is there or not."""
        return self.folder / "bin" / executable

    def version(self, package: str) -> str:
        pins = self.requirements.read_text().splitlines()
        return next(pin for pin in pins if pin.startswith(f"{package}==")).partition("==")[2]

    async def install(self) -> None:
        """Make the folder when it is not there or its requirements changed."""
        stamp = self.folder / "requirements.txt"
        wanted = self.requirements.read_text()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        place = self.folder.relative_to(_ROOT)
        print(f"Installing {self.requirements.name} into {place} (once) ...", flush=True)
        await _uv("venv", "--quiet", "--clear", "--python", "3.13", str(self.folder))
        # Copies: NLTK refuses to read files that have a second link, in uv's cache.
        arguments = ["--quiet", "--compile-bytecode", "--link-mode", "copy", "--python", str(self.program("python"))]
        await _uv("pip", "install", *arguments, "-r", str(self.requirements))
        stamp.write_text(wanted)


async def _uv(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(_find_uv(), *arguments)
    if await process.wait():
        raise SystemExit(f"`uv {arguments[0]}` failed.")


def _find_uv() -> str:
    places = [_ROOT / ".venv" / "bin", _ROOT / ".tools" / "bin", _ROOT / ".tools", Path.home() / ".local" / "bin"]
    found = shutil.which("uv", path=os.pathsep.join([*map(str, places), os.environ.get("PATH", "")]))
    if found is None:
        raise SystemExit("This needs uv; `make test` brings it.")
    return found
