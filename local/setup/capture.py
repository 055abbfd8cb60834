"""Writes into docs/local.md what a person sees who clones the repository and runs it: `python -m local.setup.capture`.

It needs git, tmux, and what `make run` needs. The clone, its data and its secrets are deleted afterwards.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from local.models.catalogue import CHAT
from local.setup.ownership import any_port, port_is_free

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "local.md"
_PORT = 7071
_UP = "Ctrl-C stops everything."
_PATIENCE_S = 900
_WIDTH, _HEIGHT = 240, 50
_SECRET = re.compile(r"fd_local_[\w-]+")
_LONG = 112
_OF_THE_MACHINE = (" + ", " - ", "Using CPython", "Creating virtual environment", "WARNING: Location")
"""How lines about packages and paths begin."""


class Screen:
    """A shell in a tmux server of its own, which ends with the block."""

    def __init__(self, folder: Path, *, width: int = _WIDTH) -> None:
        self._tmux = ["tmux", "-L", f"capture-{os.getpid()}"]
        shell = "env PS1='$ ' bash --norc --noprofile"
        self._call("new-session", "-d", "-x", str(width), "-y", str(_HEIGHT), "-c", str(folder), shell)

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *_: object) -> None:
        self._call("kill-server")

    def type(self, *keys: str) -> None:
        self._call("send-keys", *keys)

    def text(self) -> str:
        """Everything since the start, long lines in one piece."""
        return self._call("capture-pane", "-p", "-J", "-S", "-")

    def wait(self, words: str) -> None:
        self._until(lambda text: words in text, words)

    def wait_for_prompt(self) -> None:
        self._until(lambda text: text.rstrip().endswith("\n$") or text.strip() == "$", "the prompt")

    def run(self, command: str) -> str:
        """Type a command; what it looks like with what it printed, once the prompt is back."""
        line = f"$ {command}"
        before = self.text().count(line)
        self.type(command, "Enter")
        self._until(lambda text: text.count(line) > before and text.rstrip().endswith("\n$"), f"the end of {command!r}")
        text = self.text()
        return text[text.rindex(line) :].rstrip().removesuffix("$")

    def _until(self, there: Callable[[str], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not there(self.text()):
            if time.monotonic() > deadline:
                raise SystemExit(f"{what} did not appear:\n{self.text()}")
            time.sleep(0.2)

    def _call(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=True).stdout


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="flightdeck-") as folder:
        clone = Path(folder) / "flightdeck"
        subprocess.run(["git", "clone", "--quiet", str(_ROOT), str(clone)], check=True)
        run, status = _session(clone, _PORT if port_is_free(_PORT) else any_port())
        pages = {"run": run, "status": status}
        for name, text in pages.items():
            publish(_PAGE, name, _presentable(text, clone))


def _session(clone: Path, port: int) -> tuple[str, str]:
    """The screen from `make run` to Ctrl-C with one question between, and what `status` said."""
    command = "make run" if port == _PORT else f'make run ARGS="--port {port}"'
    with Screen(clone) as screen:
        screen.wait_for_prompt()
        screen.type(command, "Enter")
        screen.wait(_UP)
        subprocess.run(["bash", "-c", _question(clone)], check=True, capture_output=True)
        screen.wait("function=create_chat_completion")
        status = subprocess.run(
            [".venv/bin/python", "-m", "local", "status"], cwd=clone, capture_output=True, text=True, check=True
        ).stdout
        screen.type("C-c")
        screen.wait_for_prompt()
        return screen.text(), f"$ .venv/bin/python -m local status\n{status}"


def _question(clone: Path) -> str:
    """A first question, as the greeting proposes it."""
    body = json.dumps({"model": CHAT, "messages": [{"role": "user", "content": "Say hello."}]})
    ask = "curl -fsS $OPENAI_BASE_URL/chat/completions -H 'Content-Type: application/json'"
    key = '-H "Authorization: Bearer $OPENAI_API_KEY"'
    return f"source {shlex.quote(str(clone / '.local' / 'env'))} && {ask} {key} -d {shlex.quote(body)}"


def _presentable(text: str, clone: Path) -> str:
    """Without the secret, the temporary folder, what is this machine's own, and the ends of very long lines."""
    text = _SECRET.sub("fd_local_...", text.replace(str(clone), "~/flightdeck"))
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for line in lines if not line.startswith(_OF_THE_MACHINE)]
    return (
        "\n".join(line if len(line) <= _LONG else f"{line[:_LONG]}..." for line in kept)
        .strip()
        .removesuffix("$")
        .strip()
    )


def publish(page: Path, name: str, text: str) -> None:
    """Put it between the page's markers of this name."""
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    written = page.read_text()
    if begin not in written or end not in written:
        sys.exit(f"{page.name} has no markers {begin} and {end}.")
    before, rest = written.split(begin, 1)
    page.write_text(f"{before}{begin}\n```console\n{text}\n```\n{end}{rest.split(end, 1)[1]}")


if __name__ == "__main__":
    main()
