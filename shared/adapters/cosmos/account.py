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
    """`credential` is the key of an emulator, or the process's identity, which is its giver's to close.

    `retry_s` is the first wait before an attempt is repeated, where the service names none.
    """

    def __init__(
        self,
        url: str,
        credential: "str | AsyncTokenCredential",
        *,
        database: str = DATABASE,
        retry_s: float = 0.05,
    ) -> None:
        self.retry_s = retry_s
        self._url = url
        self._credential = credential
        self._database = database
        self._opening = asyncio.Lock()
        self._client: CosmosClient | None = None
        self._containers: dict[str, ContainerProxy] = {}

    @classmethod
    def at(cls, location: str, identity: "AsyncTokenCredential") -> Self:
        """`cosmos:https://account…` with an optional path that names the database; over http, an emulator's."""
        url = urlsplit(location.removeprefix("cosmos:"))
        credential = EMULATOR_KEY if url.scheme == "http" else identity
        return cls(f"{url.scheme}://{url.netloc}", credential, database=url.path.strip("/") or DATABASE)

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
        self._client = None
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
        client = CosmosClient(self._url, self._shown(), enable_compact_utf8_item_writes=True, **options)
        try:
            return await client.__aenter__()
        except BaseException:
            await client.close()
            raise

    def _shown(self) -> "str | AsyncTokenCredential":
        if isinstance(self._credential, str):
            return self._credential
        from shared.adapters.cosmos.tokens import CosmosTokens

        return CosmosTokens(self._credential)
