"""How much longer a cold worker needs to index Flightdeck than a hello-world app with the same HTTP extension.

`python -m benchmarks.cold_start [--runs 15] [--package] [--check] [--update-docs]`. The two apps alternate, each run in
a fresh process, both with compiled bytecode and without the blob trigger; --check fails above the target. --package
takes what `make package` builds, and both apps find nothing but its dependencies and the worker library.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.packages import deploy_flightdeck, deploy_hello
from benchmarks.report import ROOT, Spread, machine, publish, table
from local import package

TARGET = 1.5
TOP = 12
_SETTINGS = {"FLIGHTDECK_BLOB_TRIGGER": "false", "PYTHONHASHSEED": "0"}
_IMPORTED = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)


@dataclass(slots=True)
class Runs:
    """What the fresh processes of one app said."""

    name: str
    app_dir: Path
    installed: Path | None = None
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    functions: int = 0
    modules: set[str] = field(default_factory=set)

    def once(self) -> None:
        measured = json.loads(self.index().stdout)
        self.wall_ms.append(measured["wall_ms"])
        self.cpu_ms.append(measured["cpu_ms"])
        self.functions = measured["functions"]
        self.modules = set(measured["modules"])

    def index(self, *options: str, write_bytecode: bool = False) -> "subprocess.CompletedProcess[str]":
        """Index the app in a fresh process, which finds what is in `installed`, or else in this environment."""
        environment: dict[str, Any] = {
            k: v for k, v in os.environ.items() if not k.startswith(("FLIGHTDECK_", "PYTHON"))
        }
        environment |= _SETTINGS | ({} if write_bytecode else {"PYTHONDONTWRITEBYTECODE": "1"})
        python = [sys.executable]
        if self.installed is not None:
            python = [getattr(sys, "_base_executable", sys.executable), "-S"]
            environment["PYTHONPATH"] = os.pathsep.join([str(self.installed), str(ROOT)])
        command = [*python, *options, "-m", "benchmarks.indexing", str(self.app_dir)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"Indexing failed:\n{done.stderr[-4000:]}")
        return done


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="fresh processes for each app")
    parser.add_argument("--package", action="store_true", help="measure what `make package` builds")
    parser.add_argument("--check", action="store_true", help=f"exit 1 if the ratio of CPU time is above {TARGET}")
    parser.add_argument("--update-docs", action="store_true", help="write the section of docs/benchmarks.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hello = Runs("hello world", deploy_hello(Path(folder, "hello")))
        if arguments.package:
            app_dir, hello.installed = _packed(Path(folder))
            ours = Runs("Flightdeck, packaged", app_dir, hello.installed)
        else:
            ours = Runs("Flightdeck", deploy_flightdeck(Path(folder, "flightdeck")))
        for app in (hello, ours):
            app.index(write_bytecode=True)  # the packages' own bytecode and the disk cache
        for _ in range(arguments.runs):
            hello.once()
            ours.once()
        section = _section(hello, ours)
    publish("cold-start", section, update_docs=arguments.update_docs)
    if arguments.check and _ratio(hello, ours) > TARGET:
        raise SystemExit(f"Indexing takes {_ratio(hello, ours):.2f} x a hello-world app; the target is {TARGET} x.")


def _packed(folder: Path) -> tuple[Path, Path]:
    """The package's app folder, and all that its processes find: its dependencies and the worker library."""
    app = package.build(folder / "package", compresslevel=0).app
    installed = app / package.DEPENDENCIES
    worker = find_spec("azure_functions_runtime")
    if worker is None or not worker.submodule_search_locations:
        raise SystemExit("The worker library is not installed.")
    (installed / "azure_functions_runtime").symlink_to(worker.submodule_search_locations[0])
    return app, installed


def _ratio(hello: Runs, ours: Runs) -> float:
    """By CPU time: on a warm disk it is all there is to indexing, and other work on the machine does not add to it."""
    return Spread.of(ours.cpu_ms).middle / Spread.of(hello.cpu_ms).middle


def _section(hello: Runs, ours: Runs) -> str:
    pairs = Spread.of([our / its for our, its in zip(ours.cpu_ms, hello.cpu_ms, strict=True)])
    wall_ratio = Spread.of(ours.wall_ms).middle / Spread.of(hello.wall_ms).middle
    rows: list[tuple[object, ...]] = [
        (app.name, Spread.of(app.cpu_ms), Spread.of(app.wall_ms), app.functions, len(app.modules))
        for app in (hello, ours)
    ]
    rows.append(("ratio of medians", f"**{_ratio(hello, ours):.2f}**", f"{wall_ratio:.2f}", "", ""))
    header = ("indexing in a fresh process", "CPU ms", "wall ms", "functions", "modules")
    only_ours = ours.modules - hello.modules
    return "\n".join(
        [
            f"Median (lowest-highest) of {len(ours.cpu_ms)} alternating runs each; target: ratio of CPU time at most "
            f"{TARGET}. Ratio run by run: {pairs}.",
            "",
            table(header, rows),
            "",
            f"Where the difference goes (`-X importtime`, self time of the {len(only_ours)} modules that a hello-world "
            "app does not load, by package; importtime itself slows imports, so only their proportions count):",
            "",
            table(("package", "self ms", "modules"), _importtime(ours, only_ours)),
            "",
            machine(),
        ]
    )


def _importtime(ours: Runs, only_ours: set[str]) -> list[tuple[str, float, int]]:
    """Self time by package; our own packages are split one level deeper."""
    spent_us: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for self_us, module in _IMPORTED.findall(ours.index("-X", "importtime").stderr):
        if module in only_ours:
            package = _package(module)
            spent_us[package] += int(self_us)
            count[package] += 1
    return [(package, us / 1000, count[package]) for package, us in spent_us.most_common(TOP)]


def _package(module: str) -> str:
    parts = module.split(".")
    depth = 2 if parts[0] in ("shared", "functions", "azure", "azurefunctions", "opentelemetry") else 1
    return ".".join(parts[:depth])


if __name__ == "__main__":
    main()
