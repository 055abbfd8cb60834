"""Connections to a worker's inner web server that went stale: a relay before it hangs up as the next request comes."""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

import aiohttp
import pytest_asyncio

from local.host.config import HostConfig
from local.host.front import Front
from local.host.functions import described
from local.host.invocation import Invoker
from local.host.outputs import Outputs
from local.host.pool import WorkerPool
from local.host.process import WorkerProcess
from local.host.proxy import Proxy
from local.host.routes import RouteTable
from local.host.storage import Storage
from local.host.upstream import Upstream
from local.setup.ownership import any_port
from tests.local.conftest import SAMPLE_APP, Account, Notes

type Served = tuple[str, "FickleRelay", WorkerProcess]


class FickleRelay:
    """Passes one request and its answer on, and cuts the connection without a word when a second one arrives."""

    def __init__(self, uri: str) -> None:
        where = urlsplit(uri)
        self._target = where.hostname, where.port
        self.cut = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncGenerator[str]:
        port = any_port()
        server = await asyncio.start_server(self._relay, "127.0.0.1", port)
        async with server:
            yield f"http://127.0.0.1:{port}"

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(*self._target)
        inner_writer.write(await reader.readuntil(b"\r\n\r\n"))
        head = await inner_reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        writer.write(head + await inner_reader.readexactly(int(length[1]) if length else 0))
        inner_writer.close()
        self.cut += bool(await reader.read(1))
        writer.transport.abort()


@pytest_asyncio.fixture(loop_scope="session")
async def fickle(account: Account, own_notes: Notes, prefix: str) -> AsyncGenerator[Served]:
    """A host's front and a worker, with the relay between them: the front's address, the relay, the worker."""
    env = {"SAMPLE_NOTES": str(own_notes.path), "SAMPLE_PREFIX": prefix}
    config = HostConfig(app_dir=SAMPLE_APP, port=any_port(), storage=account.connection_string, env=env)
    storage, pool = Storage(config.settings), WorkerPool(config)
    await pool.start()
    worker = await pool.pick()
    relay = FickleRelay(worker.uri)
    async with relay.listening() as worker.uri:
        proxy = Proxy(pool, Invoker(pool, Outputs(storage, base64_queues=True), None), config.idle_s)
        routes = RouteTable([described(message, config.settings) for message in pool.functions], "api")
        front = Front(config, routes, proxy, None)
        await front.start()
        yield f"http://127.0.0.1:{config.port}", relay, worker
        await front.stop(0)
        await pool.stop(0)
    await storage.close()


async def test_a_request_that_meets_a_stale_connection_is_sent_again_on_a_new_one(fickle: Served) -> None:
    url, relay, _ = fickle
    async with aiohttp.ClientSession(url) as client:
        for _ in range(4):
            async with client.get("/api/ping") as response:
                assert (await response.json())["pong"] is True
    assert relay.cut == 3  # each but the first


async def test_a_request_whose_body_is_gone_already_is_not_sent_again(fickle: Served) -> None:
    url, relay, _ = fickle
    async with aiohttp.ClientSession(url) as client:
        async with client.get("/api/ping") as response:
            assert response.status == 200
        async with client.post("/api/upload", data=b"x") as response:
            assert response.status == 502
    assert relay.cut == 1


async def test_a_server_that_does_not_listen_yet_is_tried_again(fickle: Served) -> None:
    *_, worker = fickle
    port = any_port()
    worker.uri = f"http://127.0.0.1:{port}"
    opening = asyncio.create_task(Upstream(worker).open())
    assert not (await asyncio.wait({opening}, timeout=0.1))[0]  # refused by now, and not given up
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port):
        (await opening).abort()
