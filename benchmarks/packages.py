"""Function apps laid out as they are deployed: only the entries that go to Azure, with compiled bytecode."""

import compileall
import shutil
from pathlib import Path
from py_compile import PycInvalidationMode

from benchmarks.report import ROOT

HELLO = ROOT / "benchmarks" / "hello"
DEPLOYED = ("function_app.py", "host.json", "requirements.txt", "functions", "shared")
HELLO_ENTRIES = ("function_app.py", "host.json")


def deploy_hello(target: Path) -> Path:
    return _compiled(_copied(HELLO, target, HELLO_ENTRIES))


def deploy_flightdeck(target: Path, *, entry: str | None = None) -> Path:
    """The real app. `entry` takes the place of its function_app.py, which it can import as `flightdeck_app`."""
    app = _copied(ROOT, target, DEPLOYED)
    if entry is not None:
        shutil.move(app / "function_app.py", app / "flightdeck_app.py")
        (app / "function_app.py").write_text(entry)
    return _compiled(app)


def _copied(source: Path, target: Path, entries: tuple[str, ...]) -> Path:
    """Copy the entries that exist."""
    if not (source / "function_app.py").exists():
        raise SystemExit(f"There is no function_app.py in {source.name!r}.")
    target.mkdir(parents=True)
    for entry in (source / name for name in entries):
        if entry.is_dir():
            shutil.copytree(entry, target / entry.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif entry.exists():
            shutil.copy(entry, target / entry.name)
    return target


def _compiled(app: Path) -> Path:
    """With unchecked hashes, as the deployment package is: from here on nobody looks at the sources."""
    if not compileall.compile_dir(app, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH):
        raise SystemExit(f"The app in {app.name!r} does not compile.")
    return app
