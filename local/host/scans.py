"""The polled source of the blob trigger (LogsAndContainerScan): looks through a container, a receipt for each version.

An account's analytics logs, which the real host reads too, do not exist in Azurite: a scan finds everything.
"""

import asyncio
import contextlib
import logging

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobProperties

from local.host.blobs import BlobTrigger, Notice
from local.host.functions import Function
from local.host.singleton import HOSTS_CONTAINER, Singleton
from local.host.storage import Storage

_log = logging.getLogger("local.host.blobs")


class ContainerScan:
    """One polled blob function; of all hosts with one host id, the one that holds its lock looks.

    A version of a blob is put on the trigger's queue, then its receipt is written: at least once, and once as a rule.
    """

    def __init__(
        self, function: Function, host_id: str, storage: Storage, trigger: BlobTrigger, pause_s: float
    ) -> None:
        self._function = function
        self._storage = storage
        self._trigger = trigger
        self._pause_s = pause_s
        self._container = function.trigger.fields["path"].partition("/")[0]
        self._receipts = f"blobreceipts/{host_id}/{function.full_name}"
        self._lock = Singleton(storage, f"{host_id}/{function.full_name}.Listener")
        self._stopping = asyncio.Event()
        self._interrupt = asyncio.Event()
        self._settled: dict[str, str] = {}  # blob and the version that has its receipt
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        name = self._function.name
        _log.warning("Blob function %r polls its container; the Flex Consumption plan has Event Grid only.", name)
        self._loop = asyncio.create_task(self._listen())

    def stop(self) -> None:
        self._stopping.set()
        self._interrupt.set()

    async def drained(self) -> None:
        if self._loop is not None:
            await self._loop

    async def _listen(self) -> None:
        while await self._lock.acquire(self._stopping, self._interrupt):
            try:
                await self._run()
            finally:
                await self._lock.release()

    async def _run(self) -> None:
        """Look again and again until the host stops or the lock is lost."""
        while not self._interrupt.is_set():
            try:
                await self._look()
            except ResourceNotFoundError:
                self._settled.clear()  # the container is not there yet, or not any more
            except AzureError as error:
                _log.warning("Container %s could not be looked through: %s", self._container, error.message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._interrupt.wait(), self._pause_s)

    async def _look(self) -> None:
        seen: dict[str, str] = {}
        async for blob in self._storage.container(self._container, self._function.trigger.connection).list_blobs():
            if self._interrupt.is_set():
                return
            if self._settled.get(blob.name) != blob.etag:
                await self._settle(blob)
            seen[blob.name] = blob.etag
        self._settled = seen

    async def _settle(self, blob: BlobProperties) -> None:
        notice = Notice(self._function.full_name, self._container, blob.name, blob.etag, blob.blob_type)
        if not self._trigger.wants(notice):
            return
        receipt = self._storage.blob(HOSTS_CONTAINER, f'{self._receipts}/"{blob.etag}"/{self._container}/{blob.name}')
        if await receipt.exists():
            return
        await self._trigger.enqueue(notice)
        with contextlib.suppress(ResourceExistsError):
            await receipt.upload_blob(b"", metadata={"Completed": "True"})
