"""Only one of several hosts: a blob lease that its holder renews and that others wait for."""

import asyncio
import contextlib
import logging

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.storage.blob.aio import BlobLeaseClient

from local.host.storage import Storage

HOSTS_CONTAINER = "azure-webjobs-hosts"
_LEASE_S = 15  # the shortest that the service grants
_RENEW_S = 5.0
_RETRY_S = 1.0
_log = logging.getLogger("local.host.timers")


class Singleton:
    """`acquire`, then work until `lost` is set, then `release`."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._blob = storage.blob(HOSTS_CONTAINER, f"locks/{name}")
        self._lease: BlobLeaseClient | None = None
        self._renewal: asyncio.Task[None] | None = None

    async def acquire(self, stopping: asyncio.Event, lost: asyncio.Event) -> bool:
        """Wait for the lease; False when the host stops first."""
        while not stopping.is_set():
            if await self._try():
                lost.clear()
                self._renewal = asyncio.create_task(self._renew(lost))
                return True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _RETRY_S)
        return False

    async def release(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)
        if self._lease is not None:
            with contextlib.suppress(AzureError):
                await self._lease.release()

    async def _try(self) -> bool:
        try:
            await self._storage.ensure_container(HOSTS_CONTAINER)
            with contextlib.suppress(ResourceExistsError, HttpResponseError):
                await self._blob.upload_blob(b"", overwrite=False)
            self._lease = await self._blob.acquire_lease(_LEASE_S)
        except ResourceExistsError:
            return False
        except AzureError as error:
            _log.warning("The lock %s cannot be had: %s", self._blob.blob_name, error.message)
            return False
        return True

    async def _renew(self, lost: asyncio.Event) -> None:
        while self._lease is not None:
            await asyncio.sleep(_RENEW_S)
            try:
                await self._lease.renew()
            except AzureError as error:
                _log.warning("The lock %s is lost: %s", self._blob.blob_name, error.message)
                lost.set()
                return
