"""`python -m local` as a user sees it: one command up, one signal down, and what it leaves behind."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import pytest
from openai import AzureOpenAI, OpenAI

from local.setup.ownership import any_port
from tests.models.conftest import ROOT

pytestmark = pytest.mark.model
READY = "Ctrl-C stops everything."


def command(folder: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "local", "--folder", str(folder), "--port", str(port)]


def until(condition: Callable[[], bool], *, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.05)


def is_ready(port: int) -> bool:
    """Every dependency answers: 200, else 503."""
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200


@dataclass
class LocalMode:
    folder: Path
    port: int
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list[str])

    @property
    def variables(self) -> dict[str, str]:
        """What a shell knows after `source env`."""
        shown = ["sh", "-c", f". {self.folder / 'env'} && env"]
        printed = subprocess.run(shown, env={}, capture_output=True, text=True, check=True).stdout
        return dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)

    def children(self) -> list[int]:
        return [
            int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def child(self, word: str) -> int:
        [pid] = [pid for pid in self.children() if word in Path(f"/proc/{pid}/cmdline").read_text()]
        return pid

    def log(self, part: str) -> str:
        return (self.folder / "logs" / f"{part}.log").read_text()


@contextmanager
def running(folder: Path, port: int) -> Iterator[LocalMode]:
    process = subprocess.Popen(command(folder, port), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    mode = LocalMode(folder, port, process)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            mode.lines.append(line.rstrip())
            if line.startswith(READY):
                break
        else:
            raise AssertionError("\n".join(mode.lines))
        yield mode
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").exists() and bool(Path(f"/proc/{pid}/cmdline").read_bytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local")


@pytest.fixture(scope="module")
def mode(folder: Path) -> Iterator[LocalMode]:
    with running(folder, any_port()) as mode:
        yield mode


def test_both_clients_work_with_nothing_but_the_sourced_variables(mode: LocalMode, monkeypatch: pytest.MonkeyPatch):
    for name, value in mode.variables.items():
        monkeypatch.setenv(name, value)
    for client in (OpenAI(), AzureOpenAI()):
        with client:
            answer = client.chat.completions.create(
                model="smollm2-135m", messages=[{"role": "user", "content": "Say hello."}], max_tokens=4
            )
            assert answer.usage is not None
            assert answer.usage.completion_tokens > 0
            [vector] = client.embeddings.create(model="all-minilm-l6-v2", input="hello").data
            assert len(vector.embedding) == 384


def test_the_curl_line_that_is_printed_works(mode: LocalMode):
    [line] = [line for line in mode.lines if line.strip().startswith("curl ")]
    done = subprocess.run(["sh", "-c", f"{line} --silent --fail"], capture_output=True, text=True, check=True)
    assert '"choices"' in done.stdout


def test_the_python_lines_that_are_printed_work(mode: LocalMode):
    start = next(index for index, line in enumerate(mode.lines) if "from openai import" in line)
    program = "\n".join(line.strip() for line in mode.lines[start : start + 4])
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)


def test_secrets_are_readable_by_their_owner_only(mode: LocalMode):
    for name in ("env", "keys.json", "secrets.json"):
        assert stat.S_IMODE((mode.folder / name).stat().st_mode) == 0o600
    assert re.fullmatch(r"fd_local_[\w-]{43}", mode.variables["OPENAI_API_KEY"])
    assert mode.variables["OPENAI_API_KEY"] not in (mode.folder / "keys.json").read_text()


def test_a_second_start_in_the_same_folder_says_who_runs(mode: LocalMode):
    second = subprocess.run(command(mode.folder, any_port()), cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert f"already runs in {mode.folder}: http://127.0.0.1:{mode.port}, process {mode.process.pid}." in second.stderr


def test_a_taken_port_is_one_sentence(mode: LocalMode, tmp_path: Path):
    second = subprocess.run(command(tmp_path, mode.port), cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr == f"Port {mode.port} is taken; choose another one with --port.\n"


def test_a_wrong_setting_is_one_sentence(tmp_path: Path):
    environment = os.environ | {"FLIGHTDECK_STOER": "sqlite:///x"}
    refused = subprocess.run(
        command(tmp_path, any_port()), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert refused.stderr == "Unknown setting 'FLIGHTDECK_STOER'.\n"


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds children in /proc")
@pytest.mark.parametrize(("word", "part"), [("local.models", "models"), ("azurite", "azurite")])
def test_a_part_that_dies_is_reported_and_started_again(mode: LocalMode, word: str, part: str):
    old = mode.child(word)
    os.kill(old, signal.SIGKILL)
    until(lambda: "starting it again" in mode.log(part))
    until(lambda: is_ready(mode.port))
    with OpenAI(base_url=mode.variables["OPENAI_BASE_URL"], api_key=mode.variables["OPENAI_API_KEY"]) as client:
        client.embeddings.create(model="all-minilm-l6-v2", input="hello again")


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds children in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(tmp_path: Path, how: signal.Signals):
    with running(tmp_path, any_port()) as mode:
        children = mode.children()
        assert len(children) == 3
        mode.process.send_signal(how)
        assert mode.process.wait(timeout=30) == (-how if how == signal.SIGKILL else 0)
        until(lambda: not any(is_alive(pid) for pid in children))


def test_the_next_start_keeps_the_key(folder: Path, mode: LocalMode):
    key, port = mode.variables["OPENAI_API_KEY"], mode.port
    mode.process.terminate()
    assert mode.process.wait(timeout=30) == 0
    with running(folder, port) as again:
        assert again.variables["OPENAI_API_KEY"] == key
