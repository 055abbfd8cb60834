"""Function apps laid out as they are deployed: only the entries that go to Azure, with compiled bytecode."""

import compileall
import shutil
from pathlib import Path
from py_compile import PycInvalidationMode

from benchmarks.report import ROOT

HELLO = ROOT / "benchmarks" / "hello"
DEPLOYED = ("function_app.py", "host.json", "requirements.txt", "functions", "shared")
HELLO_ENTRIES = ("function_app.py", "host.json")


def deploy(source: Path, target: Path, entries: tuple[str, ...]) -> Path:
    """Copy the entries that exist and compile them with unchecked hashes, as the deployment package is."""
    if not (source / "function_app.py").exists():
        raise SystemExit(f"There is no function_app.py in {source.name!r}.")
    target.mkdir(parents=True)
    for entry in (source / name for name in entries):
        if entry.is_dir():
            shutil.copytree(entry, target / entry.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif entry.exists():
            shutil.copy(entry, target / entry.name)
    if not compileall.compile_dir(target, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH):
        raise SystemExit(f"The app in {source.name!r} does not compile.")
    return target


def deploy_flightdeck(target: Path) -> Path:
    return deploy(ROOT, target, DEPLOYED)


def deploy_hello(target: Path) -> Path:
    return deploy(HELLO, target, HELLO_ENTRIES)
