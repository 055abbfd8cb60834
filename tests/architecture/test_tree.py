"""The shape of the repository, checked."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = {"functions", "shared", "function_app"}
WITH_MODULES = ("shared", "functions", "local", "cli")
DEPLOYED = {"function_app.py", "host.json", "requirements.txt", "functions", "shared"}


def _tracked() -> set[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.split("/")[0] for name in listed.stdout.splitlines()}


def test_no_installed_package_can_shadow_ours() -> None:
    # The worker appends our folder to sys.path, so site-packages wins a tie.
    assert OURS.isdisjoint(packages_distributions())


def test_nothing_but_the_app_is_deployed() -> None:
    ignored = set((ROOT / ".funcignore").read_text().split())
    assert _tracked() - ignored == DEPLOYED


def test_no_ignore_entry_is_a_prefix_of_a_deployed_name() -> None:
    # Core Tools has treated entries as prefixes (azure-functions-core-tools#1507).
    ignored = (ROOT / ".funcignore").read_text().split()
    assert not [(entry, name) for entry in ignored for name in DEPLOYED if name.startswith(entry)]


def test_modules_stay_small() -> None:
    modules = [path for top in WITH_MODULES for path in (ROOT / top).glob("**/*.py")]
    assert modules
    assert [path for path in modules if len(path.read_text().splitlines()) > 300] == []


def test_module_names_say_something() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
    assert [path for top in WITH_MODULES for path in (ROOT / top).glob("**/*.py") if path.stem in vague] == []


def test_every_module_opens_with_what_it_is_for() -> None:
    modules = [path for top in WITH_MODULES for path in (ROOT / top).glob("**/*.py")]
    assert [path for path in modules if not path.read_text().startswith('"""')] == []


def test_shared_does_not_know_azure_functions() -> None:
    # import-linter cannot single out one package of the azure namespace.
    importing = re.compile(r"^\s*(import|from) azure(functions|\.functions)", re.MULTILINE)
    assert [path for path in ROOT.glob("shared/**/*.py") if importing.search(path.read_text())] == []


def test_what_is_deployed_is_what_the_project_declares() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[><=]", requirement)[0] for requirement in declared}
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert names <= pinned


def test_local_modes_own_packages_are_not_deployed() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    theirs = {re.split(r"[><=]", requirement)[0] for requirement in [*groups["local"], *groups["cli"], *groups["dev"]]}
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    shared_with_the_app = {"click", "numpy", "tokenizers"}  # somebody deployed may need them too
    assert (theirs - shared_with_the_app).isdisjoint(pinned)


def test_indexing_the_app_loads_no_sdk() -> None:
    probe = "import sys, function_app; function_app.app.get_functions(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=ROOT,
        env={"PATH": "", "FLIGHTDECK_BLOB_TRIGGER": "false"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    heavy = {
        "aiohttp",
        "apsw",
        "azure.core",
        "azure.cosmos",
        "azure.identity",
        "azure.storage.blob",
        "charset_normalizer",
        "kreuzberg",
        "numpy",
        "openai",
        "opentelemetry.sdk",
        "pypdfium2",
        "rs_bpe",
        "shared.adapters.sqlite",
        "shared.wiring.assembly",
        "sqlite_vec",
    }
    assert heavy.isdisjoint(loaded)
    # Shapes are built when a request needs them: triggers name them as `wire.files.FileForm`.
    wire = {name for name in loaded if name.startswith("shared.wire.")}
    assert wire == {"shared.wire.replies", "shared.wire.scopes", "shared.wire.uploads"}
