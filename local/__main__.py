"""`python -m local`: the whole platform on this machine, until Ctrl-C; `status` looks at it, `reset` empties it."""

import argparse
import asyncio
import signal
import sys
from dataclasses import fields
from pathlib import Path

from local import reset
from local.azurite import AzuriteError
from local.faults import add_faults
from local.models.packages import SetupError
from local.setup.ownership import AlreadyRunningError
from local.supervisor import LocalConfig, Supervisor
from local.terminal import Terminal


def main() -> int:
    arguments = _arguments()
    try:
        return _COMMANDS[arguments.command](arguments)
    except (AlreadyRunningError, AzuriteError, SetupError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    config = LocalConfig(**{field.name: getattr(arguments, field.name) for field in fields(LocalConfig)})
    terminal = Terminal(config.folder / "logs")
    terminal.attach_logging(verbose=config.verbose)
    try:
        asyncio.run(_serve(config, terminal))
    finally:
        terminal.close()
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from local import status

    print(asyncio.run(status.report(arguments.folder)))
    return 0


def _reset(arguments: argparse.Namespace) -> int:
    print(reset.reset(arguments.folder, sure=arguments.yes))
    return 0


_COMMANDS = {"run": _run, "status": _status, "reset": _reset}


async def _serve(config: LocalConfig, terminal: Terminal) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Supervisor(config, terminal).run(stop)


def _arguments() -> argparse.Namespace:
    default = LocalConfig()
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", nargs="?", choices=list(_COMMANDS), default="run", help="run when not given")
    parser.add_argument("--port", type=int, default=default.port, help="port on 127.0.0.1; default 7071")
    parser.add_argument("--worker-processes", type=int, default=default.worker_processes)
    parser.add_argument("--verbose", action="store_true", help="debug log, and the list of functions")
    parser.add_argument("--reload", action="store_true", help="load the app again when a file of it changes")
    parser.add_argument(
        "--services", action="store_true", dest="services_only", help="all but the host: for func start"
    )
    parser.add_argument("--folder", type=Path, default=default.folder, help="where data, keys and logs live")
    parser.add_argument("--yes", action="store_true", help="reset without a question")
    add_faults(parser)
    arguments = parser.parse_args()
    arguments.folder = arguments.folder.resolve()
    return arguments


if __name__ == "__main__":
    sys.exit(main())
