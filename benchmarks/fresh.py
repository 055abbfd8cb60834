"""Fresh processes, each for one measurement of one function app, and what they said."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.report import ROOT, Spread

_SETTINGS = {"FLIGHTDECK_BLOB_TRIGGER": "false", "PYTHONHASHSEED": "0"}


@dataclass(frozen=True, slots=True)
class App:
    """A function app as it is deployed. Its processes find what is in `installed`, or else in this environment."""

    name: str
    folder: Path
    installed: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    def run(
        self, program: Sequence[str], *options: str, given: bytes = b"", write_bytecode: bool = False
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a module of this folder with the app's; `options` are the interpreter's. Raise SystemExit if it fails."""
        module, *arguments = program
        command = [*self._python(), *options, "-m", f"benchmarks.{module}", str(self.folder), *arguments]
        environment = self._environment() | ({} if write_bytecode else {"PYTHONDONTWRITEBYTECODE": "1"})
        done = subprocess.run(command, cwd=ROOT, env=environment, input=given, capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(f"{self.name}: {module} failed:\n{done.stderr.decode(errors='replace')[-4000:]}")
        return done

    def _python(self) -> list[str]:
        return [sys.executable] if self.installed is None else [getattr(sys, "_base_executable", sys.executable), "-S"]

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("FLIGHTDECK_", "PYTHON"))}
        path = {} if self.installed is None else {"PYTHONPATH": os.pathsep.join([str(self.installed), str(ROOT)])}
        return {**kept, **_SETTINGS, **self.settings, **path}


@dataclass(slots=True)
class Runs:
    """One measurement of one app, again and again. `program` is a module of this folder and its arguments."""

    app: App
    program: Sequence[str]
    given: bytes = b""
    wall_ms: list[float] = field(default_factory=list[float])
    cpu_ms: list[float] = field(default_factory=list[float])
    functions: int = 0
    modules: set[str] = field(default_factory=set[str])

    def once(self) -> None:
        # The last line: before it stands what the worker's web server says of itself.
        measured = json.loads(self.app.run(self.program, given=self.given).stdout.splitlines()[-1])
        self.wall_ms.append(measured["wall_ms"])
        self.cpu_ms.append(measured["cpu_ms"])
        self.functions = measured["functions"]
        self.modules = set(measured["modules"])

    def warm(self) -> None:
        """Have the packages' own bytecode written and the files in the disk's cache."""
        self.app.run(self.program, given=self.given, write_bytecode=True)

    def importtime(self) -> str:
        return self.app.run(self.program, "-X", "importtime", given=self.given).stderr.decode()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same measurement of the hello-world app and of ours, in turn."""

    what: str
    hello: Runs
    ours: Runs
    target: float

    def once(self) -> None:
        self.hello.once()
        self.ours.once()

    @property
    def cpu_ratio(self) -> float:
        return Spread.of(self.ours.cpu_ms).middle / Spread.of(self.hello.cpu_ms).middle

    @property
    def wall_ratio(self) -> float:
        return Spread.of(self.ours.wall_ms).middle / Spread.of(self.hello.wall_ms).middle

    @property
    def pairs(self) -> Spread:
        """The ratio of CPU time, run by run."""
        return Spread.of([our / its for our, its in zip(self.ours.cpu_ms, self.hello.cpu_ms, strict=True)])

    @property
    def only_ours(self) -> set[str]:
        return self.ours.modules - self.hello.modules
