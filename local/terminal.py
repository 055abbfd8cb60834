"""How local mode speaks: each part's lines under its name on the terminal, and in full in its own log file."""

import logging
import re
import sys
import time
from pathlib import Path
from typing import TextIO

_WIDTH = 10
_DIM, _PLAIN = "\033[2m", "\033[0m"


class Terminal:
    """`say` prints a line and keeps it; `attach_logging` does so for what the host logs."""

    def __init__(self, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._files: dict[str, TextIO] = {}
        self._colour = sys.stdout.isatty()

    def say(self, part: str, text: str, *, shown: bool = True) -> None:
        file = self._file(part)
        for line in text.splitlines():
            file.write(f"{time.strftime('%H:%M:%S')} {line}\n")
            if shown:
                name = f"{part:{_WIDTH}}"
                print(f"{_DIM}{name}{_PLAIN}{line}" if self._colour else f"{name}{line}", flush=True)
        file.flush()

    def attach_logging(self, *, verbose: bool) -> None:
        """Python's logging, which the host and the event player use: all of it to the file, what matters to people."""
        handler = _Handler(self, verbose)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
        for chatty in ("azure", "asyncio"):
            logging.getLogger(chatty).setLevel(logging.WARNING)

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _file(self, part: str) -> TextIO:
        if part not in self._files:
            self._files[part] = (self._logs / f"{part}.log").open("a")
        return self._files[part]


class _Handler(logging.Handler):
    def __init__(self, terminal: Terminal, verbose: bool) -> None:
        super().__init__()
        self._terminal, self._verbose = terminal, verbose

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        part = record.name.removeprefix("local.").partition(".")[0]
        self._terminal.say(part, text, shown=self._verbose or not _is_detail(text))


def _is_detail(text: str) -> bool:
    """Thirty functions would push the greeting off the screen; a worker's own line repeats the host's for each call."""
    return text.startswith("Functions:") or re.match(r"\[\d+\] INFO ", text) is not None
