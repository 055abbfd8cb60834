"""One Azurite for the session, one host for most tests, a way to start others; all tests share one event loop."""

import asyncio
import base64
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from local.azurite import Azurite, AzuriteConfig
from local.host.config import HostConfig
from local.host.host import Host
from local.setup.ownership import any_port

SAMPLE_APP = Path(__file__).parent / "sample_app"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


async def eventually[T](what: Callable[[], T | Awaitable[T]], timeout_s: float = 20) -> T:
    """The first true value, looked for again and again."""
    async with asyncio.timeout(timeout_s):
        while True:
            value = what()
            result = await value if isinstance(value, Awaitable) else value
            if result:
                return result
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Notes:
    """What the sample app wrote down: one list for each note, the worker's pid last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def all(self) -> list[list[Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def of(self, kind: str, *start: object) -> list[list[Any]]:
        head = [kind, *start]
        return [note for note in self.all() if note[: len(head)] == head]

    async def wait(self, kind: str, *start: object, count: int = 1) -> list[list[Any]]:
        return await eventually(lambda: found if len(found := self.of(kind, *start)) >= count else [])


class Account:
    """The storage account as a test sees it."""

    def __init__(self, connection_string: str) -> None:
        self.connection_string = connection_string
        self.queues = QueueServiceClient.from_connection_string(connection_string)
        self.blobs = BlobServiceClient.from_connection_string(connection_string)

    async def send(self, queue: str, text: str, *, raw: bool = False) -> None:
        client = self.queues.get_queue_client(queue)
        with contextlib.suppress(ResourceExistsError):
            await client.create_queue()
        await client.send_message(text if raw else base64.b64encode(text.encode()).decode())

    async def peeked(self, queue: str) -> list[str]:
        return [message.content for message in await self.queues.get_queue_client(queue).peek_messages(32)]

    async def depth(self, queue: str) -> int:
        """How many messages there are, hidden ones too."""
        properties = await self.queues.get_queue_client(queue).get_queue_properties()
        return properties.approximate_message_count or 0

    async def taken(self, queue: str, count: int) -> list[str]:
        """So many messages, decoded and removed."""
        client = self.queues.get_queue_client(queue)
        texts: list[str] = []

        async def take() -> bool:
            with contextlib.suppress(ResourceExistsError):
                await client.create_queue()
            async for message in client.receive_messages(max_messages=32):
                texts.append(base64.b64decode(message.content).decode())
                await client.delete_message(message)
            return len(texts) >= count

        await eventually(take)
        return texts

    async def upload(self, container: str, name: str, content: bytes) -> str:
        """The blob's address."""
        client = self.blobs.get_container_client(container)
        with contextlib.suppress(ResourceExistsError):
            await client.create_container()
        await client.upload_blob(name, content, overwrite=True)
        return client.get_blob_client(name).url

    async def close(self) -> None:
        await self.queues.close()
        await self.blobs.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def account(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Account]:
    azurite = Azurite(AzuriteConfig(data_dir=tmp_path_factory.mktemp("azurite")))
    await azurite.start()
    account = Account(azurite.connection_string)
    yield account
    await account.close()
    await azurite.stop()


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Notes:
    """The notes of the session's own host."""
    return Notes(tmp_path_factory.mktemp("notes") / "notes.jsonl")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def host(account: Account, notes: Notes) -> AsyncIterator[Host]:
    config = HostConfig(
        app_dir=SAMPLE_APP,
        port=any_port(),
        storage=account.connection_string,
        env={"SAMPLE_NOTES": str(notes.path), "SAMPLE_SETTING": "from the host", "SAMPLE_PREFIX": "shared-"},
        max_body_bytes=8_000_000,
        max_poll_s=0.2,
        host_id="shared",
    )
    host = Host(config)
    await host.start()
    yield host
    await host.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http(host: Host) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(host.url) as session:
        yield session


type StartHost = Callable[..., Awaitable[Host]]


@pytest.fixture
def prefix() -> str:
    """What the queues of a test's own hosts begin with."""
    return f"t{uuid.uuid4().hex[:8]}-"


@pytest.fixture
def own_notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path / "notes.jsonl")


@pytest_asyncio.fixture(loop_scope="session")
async def start_host(account: Account, own_notes: Notes, prefix: str) -> AsyncIterator[StartHost]:
    """Start hosts of a test's own, apart from the session's: their queues have a prefix of their own."""
    hosts: list[Host] = []

    async def start(**choices: Any) -> Host:
        defaults = {
            "app_dir": SAMPLE_APP,
            "port": any_port(),
            "storage": account.connection_string,
            "env": {"SAMPLE_NOTES": str(own_notes.path), "SAMPLE_PREFIX": prefix},
            "host_id": f"{prefix}host",
            "max_poll_s": 0.2,
        }
        host = Host(HostConfig(**{**defaults, **choices}))
        hosts.append(host)
        await host.start()
        return host

    yield start
    for host in hosts:
        await host.stop()
