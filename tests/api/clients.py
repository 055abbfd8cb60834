"""The clients that run the suite: where each is installed, what it runs, and what came of it."""

import asyncio
import json
import shutil
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local.setup.pinned import PinnedEnvironment

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / ".local" / "clients"
_NODE = HERE / "openai_node"


class Client(Protocol):
    """One client of one version. `title` is what its makers call it."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def version(self) -> str: ...

    async def install(self) -> None: ...

    def command(self, report: Path) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class PythonClient:
    """Programs of `suite`, run by pytest where `package` is installed."""

    name: str
    title: str
    package: str
    suite: str

    @property
    def environment(self) -> PinnedEnvironment:
        return PinnedEnvironment(FOLDER / self.name, HERE / f"requirements-{self.name}.txt")

    @property
    def version(self) -> str:
        return self.environment.version(self.package)

    async def install(self) -> None:
        await self.environment.install()

    def command(self, report: Path) -> list[str]:
        return pytest_command(str(self.environment.program("python")), self.suite, report)


@dataclass(frozen=True, slots=True)
class NodeClient:
    """Programs of `openai_node`, beside the package that npm installs from the lock file of a major version."""

    name: str
    title: str
    major: int

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def package(self) -> Path:
        return _NODE / "versions" / str(self.major)

    @property
    def version(self) -> str:
        return json.loads((self.package / "package.json").read_text())["dependencies"]["openai"]

    async def install(self) -> None:
        """Node looks for packages beside the programs: so these are copied to where the packages may be."""
        wanted = (self.package / "package-lock.json").read_text()
        stamp = self.folder / "installed.json"
        shutil.copytree(_NODE, self.folder, ignore=shutil.ignore_patterns("versions"), dirs_exist_ok=True)
        shutil.copytree(self.package, self.folder, dirs_exist_ok=True)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        print(f"Installing openai {self.version} into {self.folder.relative_to(ROOT)} (once) ...", flush=True)
        arguments = ("ci", "--no-audit", "--no-fund", "--loglevel=error")
        process = await asyncio.create_subprocess_exec("npm", *arguments, cwd=self.folder)
        if await process.wait():
            raise SystemExit("`npm ci` failed.")
        stamp.write_text(wanted)

    def command(self, report: Path) -> list[str]:
        reporters = [("spec", "stdout"), ("junit", str(report))]
        told = [f"--test-reporter{way}" for one, to in reporters for way in (f"={one}", f"-destination={to}")]
        return ["node", "--test", *told, *(str(self.folder / program.name) for program in _NODE.glob("*.test.js"))]


CLIENTS: tuple[Client, ...] = (
    *(PythonClient(f"openai-{major}", "openai-python", "openai", "openai_python") for major in (1, 2, 3)),
    *(NodeClient(f"node-{major}", "openai-node", major) for major in (6, 7)),
    PythonClient("langchain", "langchain-openai", "langchain-openai", "langchain"),
    PythonClient("llamaindex", "llama-index-llms-openai", "llama-index-llms-openai", "llamaindex"),
)


def pytest_command(python: str, suite: str, report: Path) -> list[str]:
    # -P: a folder of the repository must not be taken for a package of the client.
    return [python, "-P", "-m", "pytest", "-q", f"--junitxml={report}", str(HERE / suite)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one client's programs came to. Nothing may be skipped: a check that does not apply is not there."""

    passed: int
    failed: Sequence[str]
    skipped: Sequence[str]
    took_s: float

    @property
    def good(self) -> bool:
        return self.passed > 0 and not self.failed and not self.skipped


async def run(command: Sequence[str], report: Path, env: Mapping[str, str]) -> Outcome:
    """Run a client's programs and read their JUnit report; what they print is the reader's."""
    _forget(report)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(*command, env=env, cwd=ROOT)
    try:
        status = await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return _read(report, status, time.monotonic() - began)


def _forget(report: Path) -> None:
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)


def _read(report: Path, status: int, took_s: float) -> Outcome:
    if not report.exists():
        return Outcome(0, [f"no report, exit status {status}"], [], took_s)
    cases = list(ET.parse(report).iter("testcase"))
    failed = [_name(case) for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [_name(case) for case in cases if case.find("skipped") is not None]
    if status and not failed:
        failed = [f"exit status {status}"]
    return Outcome(len(cases) - len(failed) - len(skipped), failed, skipped, took_s)


def _name(case: ET.Element) -> str:
    return f"{case.get('classname')}::{case.get('name')}"
