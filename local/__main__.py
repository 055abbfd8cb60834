"""`python -m local`: the whole platform on this machine, until Ctrl-C."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from local.azurite import AzuriteError
from local.models.packages import SetupError
from local.setup.ownership import AlreadyRunningError
from local.supervisor import LocalConfig, Supervisor
from local.terminal import Terminal


def main() -> int:
    config = _config()
    terminal = Terminal(config.folder / "logs")
    terminal.attach_logging(verbose=config.verbose)
    try:
        asyncio.run(_serve(config, terminal))
    except (AlreadyRunningError, AzuriteError, SetupError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        terminal.close()
    return 0


async def _serve(config: LocalConfig, terminal: Terminal) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Supervisor(config, terminal).run(stop)


def _config() -> LocalConfig:
    default = LocalConfig()
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--port", type=int, default=default.port, help="port on 127.0.0.1; default 7071")
    parser.add_argument("--worker-processes", type=int, default=default.worker_processes)
    parser.add_argument("--verbose", action="store_true", help="debug log, and the list of functions")
    parser.add_argument(
        "--services", action="store_true", dest="services_only", help="all but the host: for func start"
    )
    parser.add_argument("--folder", type=Path, default=default.folder, help="where data, keys and logs live")
    chosen = vars(parser.parse_args())
    chosen["folder"] = chosen["folder"].resolve()
    return LocalConfig(**chosen)


if __name__ == "__main__":
    sys.exit(main())
