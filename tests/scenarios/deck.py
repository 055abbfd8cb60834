"""The whole product on real parts: Azurite, the local Functions host with a worker process, the scripted models."""

import asyncio
import hashlib
import hmac
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient
from openai import AsyncAzureOpenAI, AsyncOpenAI

from local.azurite import Azurite
from local.eventgrid import Player, PlayerConfig
from local.host.config import HostConfig
from local.host.host import Host
from local.setup.ownership import any_port
from tests.cosmos.scenario_store import chosen_store
from tests.entra import EntraServer
from tests.upstream import ScriptedUpstream

ROOT = Path(__file__).parents[2]
PEPPER = "a pepper for tests"
PAGE = "https://app.example"
KEYS = {
    "acme": "fd_test_acme_0123456789",
    "other": "fd_test_other_0123456789",
    "acme-hr": "fd_test_acme_hr_0123456789",
    "acme-hr-boss": "fd_test_acme_boss_0123456789",
    "acme-nobody": "fd_test_acme_nobody_0123456789",
    "acme-admin": "fd_test_acme_admin_0123456789",
    "other-admin": "fd_test_other_admin_0123456789",
    "fuzz": "fd_test_fuzz_0123456789",
    "fuzz-admin": "fd_test_fuzz_admin_0123456789",
}
HOLDERS = {"acme-hr": ["hr"], "acme-hr-boss": ["hr", "boss"], "acme-nobody": list[str]()}
"""The principals of the keys of tenant `acme` that have others than its staff."""


@dataclass
class Deck:
    """A running product. `acme` and `other` are two tenants; `acme` has a key for each of `HOLDERS`, too."""

    host: Host
    upstream: ScriptedUpstream
    storage: str
    clients: AsyncExitStack
    entra: EntraServer
    """A directory whose people are of tenant `acme`."""

    @property
    def url(self) -> str:
        return self.host.url

    def client(self, tenant: str = "acme") -> AsyncOpenAI:
        return self._kept(AsyncOpenAI(base_url=f"{self.url}/v1", api_key=KEYS[tenant], max_retries=0))

    def azure_client(self, tenant: str = "acme") -> AsyncAzureOpenAI:
        version = "2025-04-01-preview"
        client = AsyncAzureOpenAI(azure_endpoint=self.url, api_key=KEYS[tenant], api_version=version, max_retries=0)
        return self._kept(client)

    def _kept[Client: AsyncOpenAI](self, client: Client) -> Client:
        self.clients.push_async_callback(client.close)
        return client

    def http(self, tenant: str | None = "acme") -> httpx2.AsyncClient:
        headers = {"authorization": f"Bearer {KEYS[tenant]}"} if tenant else {}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=60)

    def blobs(self) -> BlobServiceClient:
        return BlobServiceClient.from_connection_string(self.storage)

    def queues(self) -> QueueServiceClient:
        return QueueServiceClient.from_connection_string(self.storage)


async def eventually[T](look: Callable[[], Awaitable[T]], holds: Callable[[T], bool], *, timeout_s: float = 60) -> T:
    """Look until it holds; fail with what was seen last."""
    seen: T | None = None
    try:
        async with asyncio.timeout(timeout_s):
            while not holds(seen := await look()):
                await asyncio.sleep(0.05)
            return seen
    except TimeoutError:
        raise AssertionError(f"Not within {timeout_s} s; last seen: {seen!r}") from None


@asynccontextmanager
async def running(
    folder: Path,
    azurite: Azurite,
    upstream: ScriptedUpstream,
    settings: Mapping[str, str] | None = None,
    *,
    app_dir: Path = ROOT,
    drop_rate: float = 0.0,
    python: str = sys.executable,
) -> AsyncIterator[Deck]:
    """Start the product with its store in the folder; `settings` are laid over the defaults.

    `drop_rate` is the share of blob events that are lost, `python` the interpreter of the workers.
    """
    async with chosen_store(folder) as store:
        env = {"FLIGHTDECK_STORE": store, **(settings or {})}
        async with EntraServer() as entra:
            started = _started(folder, azurite, upstream, entra, env, app_dir, python)
            async with started as deck, playing(_player(deck, folder, drop_rate)):
                yield deck


@asynccontextmanager
async def _started(
    folder: Path,
    azurite: Azurite,
    upstream: ScriptedUpstream,
    entra: EntraServer,
    settings: Mapping[str, str],
    app_dir: Path,
    python: str,
) -> AsyncIterator[Deck]:
    keys = folder / "keys.json"
    keys.write_text(json.dumps([_key(name, secret) for name, secret in KEYS.items()]))
    env = {
        "FLIGHTDECK_MODELS": json.dumps(catalogue(upstream)),
        "FLIGHTDECK_KEYS_FILE": str(keys),
        "FLIGHTDECK_KEY_PEPPER": PEPPER,
        "FLIGHTDECK_CORS_ORIGINS": f"https://other.example, {PAGE}",
        "FLIGHTDECK_ENTRA": entra.settings("acme"),
        "PYTHONDONTWRITEBYTECODE": "1",
        **settings,
    }
    config = HostConfig(
        app_dir=app_dir,
        port=any_port(),
        storage=azurite.connection_string,
        env=env,
        max_poll_s=0.2,
        host_id=f"test-{os.getpid()}",
        python=python,
    )
    host = Host(config)
    await host.start()
    try:
        async with AsyncExitStack() as clients:
            yield Deck(host, upstream, azurite.connection_string, clients, entra)
    finally:
        await host.stop()


def _player(deck: Deck, folder: Path, drop_rate: float) -> PlayerConfig:
    return PlayerConfig(
        storage=deck.storage,
        state_file=folder / "events.json",
        webhooks=(f"{deck.url}/runtime/webhooks/blobs?functionName=Host.Functions.on_blob_uploaded",),
        interval_s=0.2,
        drop_rate=drop_rate,
    )


@asynccontextmanager
async def playing(config: PlayerConfig) -> AsyncIterator[None]:
    """Event Grid, as long as the context lasts."""
    async with Player(config) as player:
        run = asyncio.create_task(player.run())
        try:
            yield
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)


def catalogue(upstream: ScriptedUpstream) -> dict[str, Any]:
    def deployment(model: str, endpoint: str = upstream.endpoint) -> dict[str, Any]:
        return {"deployments": [{"id": f"scripted-{model}", "endpoint": endpoint, "model": model, "input_usd": 1}]}

    return {
        "chat": deployment("chat") | {"context_tokens": 4000},
        "embedding": deployment("embedding") | {"kind": "embedding", "dimensions": 384, "context_tokens": 512},
        "down": deployment("down", "http://127.0.0.1:9/v1"),
    }


def _key(name: str, secret: str) -> dict[str, Any]:
    digest = hmac.digest(PEPPER.encode(), secret.encode(), hashlib.sha256).hex()
    principals = HOLDERS.get(name, [f"{name}-staff"])
    key = {"id": f"key-{name}", "hmac": digest, "tenant": name.split("-")[0], "principals": principals}
    return key | ({"scopes": ["models", "documents", "usage", "admin"]} if name.endswith("-admin") else {})
