"""Documents for the benchmarks of ingestion and of retrieval quality, taken from Debian's documentation packages.

Packages are fetched with apt and unpacked, never installed, into `.bench/`. Which files are taken does not depend on
the machine; which release of a package it is, does.
"""

import gzip
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import ROOT

_CACHE = ROOT / ".bench" / "debian"
_SMALLEST_BYTES = 300


@dataclass(frozen=True, slots=True)
class Pick:
    """At most so many files of a package that match, spread evenly over their sorted paths."""

    package: str
    pattern: str
    most: int


DOCUMENTS = (
    Pick("debian-policy", "**/*.pdf.gz", 2),
    Pick("debian-policy", "**/*.html", 40),
    Pick("debian-policy", "**/*.txt*", 30),
    Pick("debian-reference-en", "**/*.pdf", 1),
    Pick("debian-reference-en", "**/*.html", 15),
    Pick("developers-reference", "**/*.pdf", 1),
    Pick("developers-reference", "**/*.html", 12),
    Pick("debian-faq", "**/*.pdf.gz", 1),
    Pick("debian-faq", "**/*.html", 30),
    Pick("debmake-doc", "**/*.en.pdf", 1),
    Pick("debmake-doc", "**/*.html", 20),
    Pick("maint-guide", "**/*.pdf", 1),
    Pick("debian-handbook", "**/en-US/**/*.html", 60),
    Pick("debian-handbook", "**/en-US/*.pdf*", 1),
    Pick("installation-guide-amd64", "**/*.pdf.gz", 3),
    Pick("installation-guide-amd64", "**/en/*.html", 60),
    Pick("python3.11-doc", "**/*.html", 90),
    Pick("python3.11-doc", "**/*.txt", 120),
    Pick("git-doc", "**/*.txt", 90),
    Pick("postgresql-doc-15", "**/*.html", 120),
    Pick("nodejs-doc", "**/*.md", 4),
    Pick("nodejs-doc", "**/*.html", 10),
)


class NoAptError(Exception):
    """There is no Debian to take packages from."""


def unpacked(package: str) -> Path:
    """The folder that holds a package's files. Raise NoAptError where apt is absent or cannot fetch it."""
    folder = _CACHE / package
    if folder.exists():
        return folder
    if not (apt := shutil.which("apt-get")) or not (dpkg := shutil.which("dpkg-deb")):
        raise NoAptError("This takes its documents from Debian packages, and there is no apt here.")
    scratch = _CACHE / f".{package}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    print(f"Fetching {package} (once) ...", flush=True)
    command = [apt, "download", "-q", "-o", "APT::Sandbox::User=root", package]
    if subprocess.run(command, cwd=scratch, capture_output=True, check=False).returncode:
        raise NoAptError(f"apt cannot fetch {package!r}; `apt-get update` may help.")
    (archive,) = scratch.glob("*.deb")
    subprocess.run([dpkg, "-x", archive, scratch / "files"], check=True)
    (scratch / "files").rename(folder)
    shutil.rmtree(scratch)
    return folder


def build(picks: Sequence[Pick], target: Path) -> list[Path]:
    """Copy what is picked, decompressed, into a new folder; names begin with their number."""
    target.mkdir(parents=True)
    seen: set[int] = set()
    for pick in picks:
        for path in _picked(pick):
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            if hash(content) not in seen:
                name = path.name.removesuffix(".gz")
                (target / f"{len(seen):04}-{pick.package}-{name}").write_bytes(content)
                seen.add(hash(content))
    return sorted(target.iterdir())


def _picked(pick: Pick) -> Iterator[Path]:
    folder = unpacked(pick.package)
    found = sorted(path for path in folder.glob(pick.pattern) if _is_document(path))
    count = min(pick.most, len(found))
    yield from (found[place * len(found) // count] for place in range(count))


def _is_document(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size > _SMALLEST_BYTES
