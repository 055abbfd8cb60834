"""The account: opened on first use, with the identity of the app, and everything in it that a process shares."""

import asyncio
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from shared.adapters.cosmos.failures import missing

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.cosmos.aio import ContainerProxy, CosmosClient

DATABASE = "flightdeck"

# The key of every emulator, published by Microsoft.
EMULATOR_KEY = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="


class CosmosAccount:
    """`key` is for emulators; without one the identity of the app authorises (DefaultAzureCredential).

    `retry_s` is the first wait before an attempt is repeated, where the service names none.
    """

    def __init__(self, url: str, *, database: str = DATABASE, key: str | None = None, retry_s: float = 0.05) -> None:
        self.retry_s = retry_s
        self._url = url
        self._database = database
        self._key = key
        self._opening = asyncio.Lock()
        self._credential: AsyncTokenCredential | None = None
        self._client: CosmosClient | None = None
        self._containers: dict[str, ContainerProxy] = {}

    @classmethod
    def at(cls, location: str) -> Self:
        """`cosmos:https://account…` with an optional path that names the database; over http, an emulator's."""
        url = urlsplit(location.removeprefix("cosmos:"))
        key = EMULATOR_KEY if url.scheme == "http" else None
        return cls(f"{url.scheme}://{url.netloc}", database=url.path.strip("/") or DATABASE, key=key)

    async def container(self, name: str) -> "ContainerProxy":
        """Raise AzureError when the account cannot be reached, PlatformError when the container is missing."""
        if name not in self._containers:
            async with self._opening:
                if name not in self._containers:
                    self._containers[name] = await self._find(name)
        return self._containers[name]

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
        if self._credential is not None:
            await self._credential.close()
        self._client = self._credential = None
        self._containers.clear()

    async def _find(self, name: str) -> "ContainerProxy":
        from azure.cosmos.exceptions import CosmosResourceNotFoundError

        if self._client is None:
            self._client = await self._open()
        container = self._client.get_database_client(self._database).get_container_client(name)
        try:
            await container.read()
        except CosmosResourceNotFoundError as error:
            raise missing(name) from error
        return container

    async def _open(self) -> "CosmosClient":
        from azure.cosmos.aio import CosmosClient

        # Both would repeat requests unseen, writes too. Repeating is ours, all but a 429; the account has one region.
        options: dict[str, Any] = {"enable_endpoint_discovery": False, "retry_total": 0}
        client = CosmosClient(self._url, self._key or self._identity(), enable_compact_utf8_item_writes=True, **options)
        try:
            return await client.__aenter__()
        except BaseException:
            await client.close()
            raise

    def _identity(self) -> "AsyncTokenCredential":
        if self._credential is None:
            from azure.identity.aio import DefaultAzureCredential

            self._credential = DefaultAzureCredential()
        return self._credential
