"""`python -m local.host [APP_DIR]`: serve one function app until asked to stop."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from local.host.banner import log_to_stderr
from local.host.config import DEVELOPMENT_STORAGE, HostConfig
from local.host.front import PortTakenError
from local.host.host import Host
from local.host.process import AppError
from local.host.reload import ReloadingHost


def main() -> None:
    arguments = _arguments()
    serve: type[Host | ReloadingHost] = ReloadingHost if vars(arguments).pop("reload") else Host
    config = _config(arguments)
    log_to_stderr(verbose=config.verbose)
    try:
        asyncio.run(_serve(serve(config)))
    except (AppError, PortTakenError) as error:
        sys.exit(str(error))


async def _serve(host: Host | ReloadingHost) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await host.start()
    await stop.wait()
    await host.stop()


def _config(arguments: argparse.Namespace) -> HostConfig:
    chosen = vars(arguments)
    chosen["app_dir"] = Path(chosen["app_dir"]).resolve()
    return HostConfig(**chosen)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.host", description="Serve a function app on this machine.")
    storage = os.environ.get("AzureWebJobsStorage", DEVELOPMENT_STORAGE)  # noqa: SIM112 - the host's own spelling
    parser.add_argument("app_dir", nargs="?", default=".", help="the folder of function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--worker-processes", type=int, default=1)
    parser.add_argument("--storage", default=storage, help="connection string; the development account when not given")
    parser.add_argument("--verbose", action="store_true", help="the worker's debug log too")
    parser.add_argument("--reload", action="store_true", help="load the app again when a file of it changes")
    parser.add_argument("--enable-auth", action="store_true", help="ask for function keys, as in the cloud")
    parser.add_argument("--master-key", default="master")
    parser.add_argument("--function-key", default="function")
    parser.add_argument("--grace-s", type=float, default=10.0, help="how long work in flight may take to end at a stop")
    parser.add_argument("--lock-s", type=int, default=600, help="how long a received queue message is hidden")
    parser.add_argument("--max-poll-s", type=float, default=1.0, help="the longest pause between two looks at a queue")
    parser.add_argument("--host-id", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
