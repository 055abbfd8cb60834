"""The right of one run to index one document: taken, kept and given back by If-Match alone."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from types import TracebackType

from shared.errors import CapacityError, OverloadedError, PlatformError, PreconditionFailedError
from shared.ports.clock import Clock
from shared.ports.records import DocumentRecord, LastError, Records, Stored

log = logging.getLogger(__name__)

_LONGEST_DEFERRAL_S = 30.0


class Claim:
    """Held from `Claims.take` until the run ends, however it ends.

    Every write is If-Match and raises PreconditionFailedError once another run has taken over. Left with an error, it
    notes the error on the record and lets go, so that the next delivery need not wait. Left by cancellation it changes
    nothing: the message comes back under the same id, and may take over at once.
    """

    def __init__(self, documents: Records[DocumentRecord], clock: Clock, lease_s: float, taken: Stored[DocumentRecord]):
        self._documents = documents
        self._clock = clock
        self._lease_s = lease_s
        self._stored = taken
        self._writing = asyncio.Lock()

    @property
    def document(self) -> DocumentRecord:
        return self._stored.value

    async def __aenter__(self) -> "Claim":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, PreconditionFailedError):
            try:
                await self.write(replace(noted(self.document, error), claim=None, claimed_until=None))
            except PlatformError as failure:
                log.warning("a failed run could not say so document=%s reason=%s", self.document.id, failure)

    async def write(self, document: DocumentRecord) -> None:
        async with self._writing:
            self._stored = await self._documents.replace(document, if_match=self._stored.etag)

    async def keep[T](self, work: Coroutine[None, None, T]) -> T:
        """The work's result; meanwhile the claim is renewed. The work is cancelled when the claim is lost."""
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=self._lease_s / 3))[0]:
                await self._renew()
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _renew(self) -> None:
        until = self._clock.now() + timedelta(seconds=self._lease_s)
        try:
            async with self._writing:
                renewed = replace(self.document, claimed_until=until)
                self._stored = await self._documents.replace(renewed, if_match=self._stored.etag)
        except CapacityError as error:
            log.warning("a claim was not renewed document=%s reason=%s", self.document.id, error)


class Claims:
    """Hands out claims. `lease_s` is how long a run that went silent holds up another message for the same version."""

    def __init__(self, documents: Records[DocumentRecord], clock: Clock, *, lease_s: float) -> None:
        self._documents = documents
        self._clock = clock
        self._lease_s = lease_s

    async def take(self, stored: Stored[DocumentRecord], blob_etag: str, delivery_id: str) -> Claim:
        """Begin the document's next generation, from this version of its blob.

        Raise OverloadedError while another message's run works on that same version; PreconditionFailedError when the
        record has changed since it was read.
        """
        document, now = stored.value, self._clock.now()
        held_s = self.held_s(document, delivery_id)
        if held_s > 0 and document.blob_etag == blob_etag:
            message = f"Document {document.id!r} is being indexed by another message."
            raise OverloadedError(message, retry_after_s=max(1.0, min(held_s, _LONGEST_DEFERRAL_S)))
        claimed = replace(
            document,
            state="extracting",
            generation=document.generation + 1,
            blob_etag=blob_etag,
            claim=delivery_id,
            fan_out=None,
            claimed_until=now + timedelta(seconds=self._lease_s),
        )
        taken = await self._documents.replace(claimed, if_match=stored.etag)
        return Claim(self._documents, self._clock, self._lease_s, taken)

    def held_s(self, document: DocumentRecord, delivery_id: str) -> float:
        """For how many more seconds a message other than this one holds the document; 0 or less if none does."""
        if document.claim is None or document.claimed_until is None or document.claim == delivery_id:
            return 0.0
        return (document.claimed_until - self._clock.now()).total_seconds()


def noted(document: DocumentRecord, error: Exception) -> DocumentRecord:
    """With the reason where a person will look for it. Waiting costs no attempt, and hides nothing that one said."""
    reason = str(error) if isinstance(error, PlatformError) else f"Indexing failed: {type(error).__name__}."
    if isinstance(error, CapacityError):
        return document if document.attempts else replace(document, last_error=LastError("waiting", reason))
    return replace(document, attempts=document.attempts + 1, last_error=LastError("server_error", reason))
