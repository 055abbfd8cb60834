"""A part's standing in its document: whether anybody still waits for it, and what it may write on the record."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import NotFoundError, OverloadedError
from shared.ports.records import DocumentRecord, Records, document_id
from shared.retrieval.endings import update
from shared.retrieval.inputs import digest
from shared.wire.messages import DocumentPartMessage

_PLANNED_SOON_S = 2.0


class OvertakenError(Exception):
    """Nobody waits for this part any more: there is nothing left to do, and nothing wrong."""


@dataclass(frozen=True, slots=True)
class Standing:
    documents: Records[DocumentRecord]
    message: DocumentPartMessage

    async def document(self) -> DocumentRecord:
        """The record as it is, with its fan-out. Raise OvertakenError, or OverloadedError while the planning run still
        holds the document."""
        message = self.message
        try:
            document = (await self.documents.get(message.tenant, document_id(message.store_id, message.file_id))).value
        except NotFoundError as error:
            raise OvertakenError("the document is gone") from error
        if document.generation == message.generation and document.claim is not None:
            raise OverloadedError(f"Document {document.id!r} is being planned.", retry_after_s=_PLANNED_SOON_S)
        if not self._holds(document):
            raise OvertakenError("no run waits for this generation")
        return document

    async def change(self, make: Callable[[DocumentRecord], DocumentRecord]) -> DocumentRecord:
        """Write what `make` makes of the record, whoever else writes at the same time. Raise OvertakenError."""
        known = await self.document()
        changed = await update(self.documents, known, lambda now: make(now) if self._holds(now) else None)
        if changed is None:
            raise OvertakenError("another generation was begun meanwhile")
        return changed

    def _holds(self, document: DocumentRecord) -> bool:
        fan_out = document.fan_out
        made_so = fan_out is not None and fan_out.inputs == digest(document)
        return made_so and document.generation == self.message.generation
