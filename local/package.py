"""The deployable package: the app's five entries, their pinned and hashed dependencies, bytecode; nothing else.

`python -m local.package` leaves a folder and a zip in .local/package. The same sources and requirements give the same
bytes. Dependencies are kept compiled between builds, by the hash of requirements.txt.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".local" / "package"
ENTRIES = ("function_app.py", "host.json", "requirements.txt", "functions", "shared")
DEPENDENCIES = Path(".python_packages", "lib", "site-packages")
DEPLOYED_AT = "/home/site/wwwroot"
PLATFORM = ("--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_OF_THE_INSTALLER = ("INSTALLER", "RECORD", "REQUESTED", "uv_cache.json")


class PackageError(Exception):
    """The package cannot be built; the message says why."""


@dataclass(frozen=True, slots=True)
class Package:
    app: Path
    archive: Path
    app_bytes: int
    dependency_bytes: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.archive.read_bytes()).hexdigest()


def build(folder: Path = FOLDER, *, kept: Path = FOLDER, compresslevel: int = 6) -> Package:
    """Build into the folder, replacing what an earlier build left. `kept` holds compiled dependencies."""
    dependencies = _dependencies(kept)
    app, beside = folder / "app", folder / f".app-{os.getpid()}"
    shutil.rmtree(beside, ignore_errors=True)
    compiled(copy_entries(beside), DEPLOYED_AT)
    shutil.copytree(dependencies, beside / DEPENDENCIES)
    shutil.rmtree(app, ignore_errors=True)
    beside.rename(app)
    archive = folder / "flightdeck.zip"
    _zip(app, archive, compresslevel)
    weight = _weight(app / DEPENDENCIES)
    return Package(app, archive, _weight(app) - weight, weight)


def copy_entries(target: Path) -> Path:
    """The app's own part, without the bytecode that lies about here."""
    target.mkdir(parents=True)
    for source in (ROOT / name for name in ENTRIES):
        if source.is_dir():
            shutil.copytree(source, target / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target / source.name)
    return target


def _dependencies(kept: Path) -> Path:
    requirements = ROOT / "requirements.txt"
    recipe = [requirements.read_bytes(), Path(__file__).read_bytes(), sys.version.encode()]
    found = kept / f"dependencies-{hashlib.sha256(b''.join(recipe)).hexdigest()[:16]}"
    if found.exists():
        return found
    beside = found.with_name(f".{found.name}-{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    _install(requirements, beside)
    compiled(beside, f"{DEPLOYED_AT}/{DEPENDENCIES.as_posix()}")
    for old in kept.glob("dependencies-*"):
        shutil.rmtree(old)
    beside.rename(found)
    return found


def _install(requirements: Path, target: Path) -> None:
    """Wheels only, for the platform of Azure Functions, each with one of the hashes that the lock file knows."""
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv")
    exact = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy", "--quiet"]
    _run([uv, "pip", "install", *PLATFORM, *exact, "--target", str(target), "--requirement", str(requirements)])
    shutil.rmtree(target / "bin", ignore_errors=True)
    for name in _OF_THE_INSTALLER:
        for path in target.glob(f"*.dist-info/{name}"):
            path.unlink()
    for lock in target.glob(".lock"):
        lock.unlink()


def compiled(folder: Path, deployed_at: str) -> Path:
    """Bytecode that is never compared with its source. One process and fixed hashes: else bytes differ by the run."""
    options = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", deployed_at]
    _run([sys.executable, "-P", "-m", "compileall", *options, str(folder)], PYTHONHASHSEED="0")
    return folder


def _run(command: list[str], **environment: str) -> None:
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(f"{Path(command[0]).name} failed:\n{(done.stderr or done.stdout)[-4000:]}")


def _zip(app: Path, archive: Path, compresslevel: int) -> None:
    beside = archive.with_suffix(f".{os.getpid()}")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(_files(app)):
            entry = zipfile.ZipInfo(path.relative_to(app).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if ".so" in path.suffixes else 0o644) << 16
            file.writestr(entry, path.read_bytes(), compresslevel=compresslevel)
    beside.replace(archive)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _weight(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


def main() -> None:
    try:
        package = build()
    except PackageError as error:
        raise SystemExit(str(error)) from error
    archive = package.archive
    print(f"{archive.relative_to(ROOT)}: {archive.stat().st_size / 1e6:.1f} MB, sha256 {package.sha256}")
    print(f"unpacked: app {package.app_bytes / 1e6:.1f} MB, dependencies {package.dependency_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
