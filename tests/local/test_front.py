"""The host's front by itself: what becomes of a client that comes while it stops."""

import asyncio
import gc
import socket
from typing import cast

import pytest

from local.host.config import HostConfig
from local.host.front import Front
from local.host.proxy import Proxy
from local.host.routes import RouteTable
from local.setup.ownership import any_port
from tests.local.conftest import SAMPLE_APP, Account


@pytest.mark.parametrize("turns", range(5))
async def test_a_client_that_comes_as_it_stops_is_let_go(account: Account, turns: int) -> None:
    """Whichever turn of the event loop takes the connection up; an open one would be a ResourceWarning."""
    config = HostConfig(app_dir=SAMPLE_APP, port=any_port(), storage=account.connection_string)
    front = Front(config, RouteTable([], "api"), cast(Proxy, None), None)
    await front.start()
    with socket.create_connection(("127.0.0.1", config.port), timeout=10) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await front.stop(0)
        assert await asyncio.to_thread(_ending, client) == b""
    gc.collect()


def _ending(client: socket.socket) -> bytes:
    """What the server sends until it closes, or resets, the connection."""
    try:
        return client.recv(1)
    except ConnectionResetError:
        return b""
