"""A real manual of over 100 pages, from a Debian package; it is not in the repository."""

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGE = "debian-policy"
_CACHE = Path(__file__).parents[2] / ".local" / "manuals"


def policy_manual() -> Path:
    """The Debian Policy Manual as a PDF. Skips where there is no apt to fetch it."""
    target = _CACHE / "policy.pdf"
    if not target.exists():
        if shutil.which("apt-get") is None:
            pytest.skip("no apt-get here to fetch the package debian-policy")
        _fetch(target)
    return target


def _fetch(target: Path) -> None:
    folder = _CACHE / "package"
    folder.mkdir(parents=True, exist_ok=True)
    if _download(folder) != 0:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        assert _download(folder) == 0
    (package,) = folder.glob(f"{PACKAGE}_*.deb")
    subprocess.run(["dpkg-deb", "-x", package.name, "."], cwd=folder, check=True)
    packed = (folder / "usr/share/doc/debian-policy/policy.pdf.gz").read_bytes()
    whole = target.with_suffix(".part")
    whole.write_bytes(gzip.decompress(packed))
    whole.rename(target)


def _download(folder: Path) -> int:
    return subprocess.run(["apt-get", "download", "-qq", PACKAGE], cwd=folder, check=False).returncode
