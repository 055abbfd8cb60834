"""`python -m tests.upstream --port 9000`: the scripted model server as a program, for benchmarks and by hand."""

import argparse
import asyncio
import signal

from tests.upstream.script import ANY_MODEL, Step
from tests.upstream.server import ScriptedUpstream


async def serve(port: int, default: str | None, *, keep_bodies: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    upstream = ScriptedUpstream(port=port, keep_bodies=keep_bodies)
    if default:
        upstream.script(ANY_MODEL, default=Step.model_validate_json(default))
    async with upstream:
        print(f"Scripted model server on {upstream.endpoint}", flush=True)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.upstream", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one and prints it")
    parser.add_argument("--default", help='JSON of the step that answers by default, such as {"chunk_count": 64}')
    parser.add_argument("--no-bodies", action="store_true", help="journal without headers and bodies, for long runs")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.default, keep_bodies=not arguments.no_bodies))


if __name__ == "__main__":
    main()
