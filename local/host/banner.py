"""What a host says of itself: the functions it serves with their addresses, and how its log lines look."""

import logging
import sys

from local.host.functions import Function
from local.host.routes import RouteTable

_RED, _YELLOW, _DIM, _PLAIN = "\033[31m", "\033[33m", "\033[2m", "\033[0m"


def banner(url: str, functions: list[Function], routes: RouteTable) -> str:
    lines = ["Functions:"]
    for route in sorted(routes.routes, key=lambda route: route.function.name):
        methods = ",".join(sorted(route.methods)) or "ALL"
        lines.append(f"  {route.function.name}: [{methods}] {url}/{route.template}")
    others = [function for function in functions if function.trigger.kind != "httptrigger"]
    lines += [f"  {function.name}: {function.trigger.fields['type']} {_source(function)}" for function in others]
    return "\n".join(lines)


def _source(function: Function) -> str:
    fields = function.trigger.fields
    return str(fields.get("queueName") or fields.get("path") or fields.get("schedule") or "")


def log_to_stderr(*, verbose: bool) -> None:
    """Set up logging for a program whose whole job is the host."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(colour=sys.stderr.isatty()))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    for chatty in ("azure", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # What no line of ours shows is not looked up (docs.python.org/3/howto/logging.html#optimization).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class _Formatter(logging.Formatter):
    """Time, then the part of the host that speaks, then what it says."""

    def __init__(self, *, colour: bool) -> None:
        super().__init__("%(asctime)s %(short)s %(message)s", datefmt="%H:%M:%S")
        self._colour = colour
        self._second = (0, "")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """Read from the clock once a second: a busy host writes many lines in one."""
        second = int(record.created)
        if second != self._second[0]:
            self._second = (second, super().formatTime(record, datefmt))
        return self._second[1]

    def format(self, record: logging.LogRecord) -> str:
        record.short = record.name.removeprefix("local.")
        text = super().format(record)
        if not self._colour:
            return text
        tint = _RED if record.levelno >= logging.ERROR else _YELLOW if record.levelno >= logging.WARNING else _DIM
        return f"{tint}{text}{_PLAIN}"
