"""Writes into docs/cli.md what the command line shows: `python -m local.setup.capture_cli`.

It needs tmux, and what `make run` needs. Local mode runs in a folder of its own, which is deleted afterwards.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from local.setup.capture import Screen, publish
from local.setup.ownership import any_port

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "cli.md"
_PATIENCE_S = 300
_WIDTH = 120
_SECRET = re.compile(r"fd_[\w-]{20,}")
_FILES = {
    "observatory.md": b"# The observatory\n\nThe dome opens at dusk. Its key hangs behind the blue door.\n",
    "hours.txt": b"The library is open from nine to five, on Fridays until noon.\n",
    "plans/roof.pdf": b"%PDF-1.7\nthis file was cut short",
}
_SESSIONS: dict[str, Sequence[str]] = {
    "doctor": ["doctor"],
    "upload": ["upload handbook --store handbook", "upload handbook --store handbook"],
    "documents": ["documents list handbook", "documents show handbook FILE"],
    "chat": ['chat --store handbook --temperature 0 "Where is the key of the dome?"'],
    "keys": [
        "keys create 'wiki bot' --scope models --principal staff --expires 90d --requests-per-minute 60",
        "keys list",
        "limits set local --monthly-budget 250 --tokens-per-minute 300000",
        "usage --by model --by source",
        "costs",
    ],
}
"""What is typed, by its place in the page; FILE is the id of a document."""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="flightdeck-") as folder:
        home = Path(folder)
        for name, content in _FILES.items():
            path = home / "handbook" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        port = any_port()
        command = [sys.executable, "-m", "local", "--folder", str(home / "local"), "--port", str(port)]
        local = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL)
        try:
            _write(home)
        finally:
            local.terminate()
            local.wait()


def _write(home: Path) -> None:
    env = home / "local" / "env"
    deadline = time.monotonic() + _PATIENCE_S
    while not env.exists():
        if time.monotonic() > deadline:
            sys.exit("Local mode did not come up.")
        time.sleep(0.2)
    with Screen(home, width=_WIDTH) as screen:
        screen.wait_for_prompt()
        screen.run(f". {env}; export PYTHONPATH={_ROOT} PATH={_ROOT / '.venv' / 'bin'}:$PATH")
        screen.run("export FLIGHTDECK_URL=$OPENAI_BASE_URL FLIGHTDECK_API_KEY=$OPENAI_API_KEY")
        screen.run("until python -m cli doctor; do sleep 1; done")
        for name, commands in _SESSIONS.items():
            publish(_PAGE, name, _presentable(_session(screen, commands)))


def _session(screen: Screen, commands: Sequence[str]) -> str:
    shown = ""
    for command in commands:
        file_id = next((word for word in reversed(shown.split()) if word.startswith("file-")), "FILE")
        shown += screen.run(f"python -m cli {command.replace('FILE', file_id)}")
    return shown


def _presentable(text: str) -> str:
    """Without secrets, and as local mode's own defaults would show it."""
    return "\n".join(line.rstrip() for line in _SECRET.sub("fd_...", text).splitlines()).strip()


if __name__ == "__main__":
    main()
