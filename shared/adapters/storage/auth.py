"""The storage account: where its services are, and what authorises a request to them."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import unquote, urlsplit

from shared.errors import CapacityError

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

API_VERSION = "2025-11-05"
"""Pinned: the newest that both the service and Azurite 3.35 speak."""

SCOPE = "https://storage.azure.com/.default"
_REFRESH_AHEAD_S = 300
_UNSENT = "\n" * 6  # Date, If-Modified-Since, If-Match, If-None-Match, If-Unmodified-Since, Range: not sent
# The key of every Azurite, published by Microsoft.
_EMULATOR = (
    "AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1"
)


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """`key` is None where the caller's identity is what authorises."""

    name: str
    blob_url: str
    queue_url: str
    key: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, connection: str) -> Self:
        """From a connection string, or from the URL of the account's blob or queue service for use with an identity.

        Raise ValueError for anything else; the message shows no secret.
        """
        if connection.startswith(("https://", "http://")):
            return cls._at(connection.rstrip("/"))
        known = _EMULATOR if connection.strip().rstrip(";") == "UseDevelopmentStorage=true" else connection
        fields = dict(part.split("=", 1) for part in known.split(";") if "=" in part)
        if "AccountName" not in fields or "AccountKey" not in fields:
            raise ValueError("A storage connection string needs AccountName and AccountKey.")
        return cls(
            fields["AccountName"], _endpoint(fields, "Blob"), _endpoint(fields, "Queue"), key=fields["AccountKey"]
        )

    @classmethod
    def at(cls, blob_url: str, queue_url: str) -> Self:
        """For use with an identity, from the URLs of both services. Raise ValueError for anything that is not https."""
        for url in (blob_url, queue_url):
            if not url.startswith("https://"):
                raise ValueError(f"The URL of a service must begin with https://, unlike {url!r}.")
        name = (urlsplit(blob_url).hostname or "").split(".")[0]
        return cls(name, blob_url.rstrip("/"), queue_url.rstrip("/"))

    @classmethod
    def _at(cls, url: str) -> Self:
        name, service, domain = [*(urlsplit(url).hostname or "").split(".", 2), "", ""][:3]
        if service not in ("blob", "queue"):
            raise ValueError(f"Not the URL of a blob or queue service: {url!r}.")
        return cls(name, f"https://{name}.blob.{domain}", f"https://{name}.queue.{domain}")


def _endpoint(fields: Mapping[str, str], service: str) -> str:
    explicit = fields.get(f"{service}Endpoint")
    if explicit:
        return explicit.rstrip("/")
    protocol = fields.get("DefaultEndpointsProtocol", "https")
    suffix = fields.get("EndpointSuffix", "core.windows.net")
    return f"{protocol}://{fields['AccountName']}.{service.lower()}.{suffix}"


@dataclass(frozen=True, slots=True)
class Request:
    """`path` as it goes on the wire, query values percent-encoded."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = "application/xml"


class Authorizer(Protocol):
    async def headers(self, request: Request) -> dict[str, str]:
        """Every header that the request needs."""
        ...

    async def close(self) -> None: ...


class SharedKey:
    """https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key"""

    def __init__(self, name: str, key: str) -> None:
        self._name = name
        self._key = base64.b64decode(key)

    async def headers(self, request: Request) -> dict[str, str]:
        dated = _dated(request)
        signed = hmac.digest(self._key, self._string_to_sign(request, dated).encode(), hashlib.sha256)
        dated["Authorization"] = f"SharedKey {self._name}:{base64.b64encode(signed).decode()}"
        return dated

    def _string_to_sign(self, request: Request, dated: Mapping[str, str]) -> str:
        length = str(len(request.body)) if request.body else ""
        resource = "".join(f"\n{name}:{unquote(value)}" for name, value in sorted(request.query))
        return (
            f"{request.method}\n\n\n{length}\n\n{request.content_type}\n{_UNSENT}"
            f"x-ms-date:{dated['x-ms-date']}\nx-ms-version:{API_VERSION}\n"
            f"/{self._name}{request.path}{resource}"
        )

    async def close(self) -> None:
        """Nothing is held open."""


class Bearer:
    """An identity's token, kept until five minutes before it expires. Closes the credential only if it made it."""

    def __init__(self, credential: "AsyncTokenCredential | None" = None) -> None:
        self._credential = credential
        self._owned = credential is None
        self._token = ""
        self._expires_at = 0.0
        self._refreshing = asyncio.Lock()

    async def headers(self, request: Request) -> dict[str, str]:
        if self._stale():
            async with self._refreshing:
                if self._stale():
                    await self._refresh()
        return _dated(request) | {"Authorization": f"Bearer {self._token}"}

    def _stale(self) -> bool:
        return time.time() > self._expires_at - _REFRESH_AHEAD_S

    async def _refresh(self) -> None:
        from azure.core.exceptions import AzureError

        try:
            token = await self.credential().get_token(SCOPE)
        except AzureError as error:
            if time.time() < self._expires_at:
                return
            raise CapacityError("No token for the storage account could be had.", retry_after_s=5) from error
        self._token, self._expires_at = token.token, float(token.expires_on)

    def credential(self) -> "AsyncTokenCredential":
        if self._credential is None:
            from azure.identity.aio import DefaultAzureCredential

            self._credential = DefaultAzureCredential()
        return self._credential

    async def close(self) -> None:
        if self._owned and self._credential is not None:
            await self._credential.close()


def authorizer(account: StorageAccount, credential: "AsyncTokenCredential | None") -> Authorizer:
    return Bearer(credential) if account.key is None else SharedKey(account.name, account.key)


def _dated(request: Request) -> dict[str, str]:
    # A content type without a body, too: else aiohttp adds its own, which is not signed.
    return {
        "x-ms-date": formatdate(usegmt=True),
        "x-ms-version": API_VERSION,
        "Content-Type": request.content_type,
    }
