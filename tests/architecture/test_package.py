"""What `make package` builds, unpacked into an empty place and loaded with nothing else installed."""

import json
import re
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from local import package

ROOT = Path(__file__).parents[2]

_LOAD_EVERYTHING = """
import importlib, json, pathlib, sys
sys.path.append(sys.argv[1])
import function_app
names = [function.get_function_name() for function in function_app.app.get_functions()]
for path in pathlib.Path(sys.argv[1], "shared").rglob("*.py"):
    name = ".".join(path.relative_to(sys.argv[1]).with_suffix("").parts)
    if not name.startswith("shared.adapters.sqlite"):
        importlib.import_module(name.removesuffix(".__init__"))
print(json.dumps({"functions": names, "path": [function_app.__file__, sys.modules["pydantic"].__file__]}))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> package.Package:
    """Compiled dependencies are kept between runs, by the hash of requirements.txt."""
    return package.build(tmp_path_factory.mktemp("package"), compresslevel=0)


@pytest.fixture(scope="module")
def unpacked(built: package.Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wwwroot")
    with zipfile.ZipFile(built.archive) as archive:
        archive.extractall(folder)
    return folder


def alone(unpacked: Path, *arguments: str, beside: tuple[Path, ...] = ()) -> dict:
    """Run an interpreter that knows nothing of this environment but the package's dependencies."""
    done = subprocess.run(
        [sys._base_executable, "-S", *arguments],
        cwd=ROOT if beside else unpacked,
        env={"PATH": "", "PYTHONPATH": ":".join(map(str, [unpacked / package.DEPENDENCIES, *beside]))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_but_the_five_entries_and_their_dependencies_is_packed(unpacked: Path) -> None:
    assert {path.name for path in unpacked.iterdir()} - {"__pycache__"} == {*package.ENTRIES, ".python_packages"}
    assert [path.name for path in (unpacked / "__pycache__").iterdir()] == ["function_app.cpython-313.pyc"]


def test_local_modes_packages_stay_out_of_it(unpacked: Path) -> None:
    packed = {path.name.lower() for path in (unpacked / package.DEPENDENCIES).iterdir()}
    assert packed.isdisjoint({"apsw", "sqlite_vec", "onnxruntime", "xllamacpp", "azure_functions_runtime", "pytest"})


def test_exactly_what_is_pinned_is_packed(unpacked: Path) -> None:
    found = (unpacked / package.DEPENDENCIES).glob("*.dist-info")
    packed = {re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower() for path in found}
    pinned = set(re.findall(r"^([a-z0-9.-]+)==(?!.*sys_platform == 'win32')", _requirements(), re.MULTILINE))
    assert packed <= pinned
    assert len(packed) > 30


def test_every_requirement_carries_hashes() -> None:
    pinned = re.findall(r"^[a-z0-9.-]+==.*$", _requirements(), re.MULTILINE)
    assert pinned
    assert [line for line in pinned if not line.endswith("\\")] == []


def test_every_module_is_compiled_and_never_compared_with_its_source(unpacked: Path) -> None:
    modules = [path for top in ("functions", "shared") for path in (unpacked / top).rglob("*.py")]
    for path in modules:
        bytecode = (path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc").read_bytes()
        assert bytecode[4:8] == b"\x01\x00\x00\x00", "unchecked hash (PEP 552)"


def test_it_loads_where_nothing_else_is_installed(unpacked: Path) -> None:
    loaded = alone(unpacked, "-P", "-c", _LOAD_EVERYTHING, str(unpacked))
    assert {"create_chat_completion", "index_document", "record_usage", "health", "not_found"} <= {*loaded["functions"]}
    assert all(file.startswith(str(unpacked)) for file in loaded["path"])


def test_the_worker_library_indexes_it(unpacked: Path, tmp_path: Path) -> None:
    # The library is the platform's, not ours to pack: it stands alone in a folder.
    spec = find_spec("azure_functions_runtime")
    assert spec is not None
    assert spec.submodule_search_locations
    (tmp_path / "azure_functions_runtime").symlink_to(spec.submodule_search_locations[0])
    indexed = alone(unpacked, "-m", "benchmarks.indexing", str(unpacked), beside=(tmp_path, ROOT))
    assert indexed["functions"] > 20


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    # The app alone: dependencies are kept between builds, since they take a minute to compile.
    one, other = (package.copy_entries(tmp_path / name) for name in ("one", "other"))
    for path in package.compiled(one, package.DEPLOYED_AT).rglob("*"):
        if path.suffix == ".py":
            (other / path.relative_to(one)).write_bytes(path.read_bytes())  # somebody may be editing just now
    package.compiled(other, package.DEPLOYED_AT)
    for path in one.rglob("*.pyc"):
        assert path.read_bytes() == (other / path.relative_to(one)).read_bytes(), path.name


def _requirements() -> str:
    return (ROOT / "requirements.txt").read_text()
