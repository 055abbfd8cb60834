"""How a run over a document can end, as its record tells it."""

from collections.abc import Callable
from dataclasses import replace

from shared.errors import DocumentError, NotFoundError, OverloadedError, PreconditionFailedError
from shared.ports.records import DocumentRecord, DocumentState, LastError, Records
from shared.retrieval.inputs import digest
from shared.retrieval.objects import STATUS

_ROUNDS = 50
"""All parts of a document may end at once, and each has to win a turn."""


def settled(document: DocumentRecord, state: DocumentState) -> DocumentRecord:
    """In a terminal state, with nothing left of the run that led to it."""
    free = replace(document, state=state, claim=None, claimed_until=None, fan_out=None)
    return replace(free, attempts=0, last_error=None, inputs=digest(document))


def refused(document: DocumentRecord, error: DocumentError) -> DocumentRecord:
    """In the terminal state that says why it cannot be indexed as it is."""
    nothing = replace(settled(document, _state(error)), content_hash=None, chunks=0, tokens=0, usage_bytes=0)
    return replace(nothing, last_error=LastError(error.code, str(error)))


def given_up(document: DocumentRecord, reason: LastError) -> DocumentRecord:
    """Failed by no fault of its own. The version of the blob is forgotten, so that the next message about it tries
    again; a version that answers goes on answering."""
    last_error = (
        document.last_error if document.attempts else reason
    )  # without attempts it only says what it waited for
    return replace(document, state="failed", last_error=last_error or reason, blob_etag=None, claim=None, fan_out=None)


def is_waiting(document: DocumentRecord) -> bool:
    return STATUS[document.state] == "in_progress"


async def update(
    documents: Records[DocumentRecord],
    document: DocumentRecord,
    change: Callable[[DocumentRecord], DocumentRecord | None],
) -> DocumentRecord | None:
    """Write the change, made anew of the record as it is whenever somebody else was faster.

    None when `change` wants none any more, or when the record is gone. Raise OverloadedError when others always are.
    """
    for _ in range(_ROUNDS):
        try:
            stored = await documents.get(document.tenant, document.id)
            changed = change(stored.value)
            if changed is None or changed == stored.value:
                return changed
            return (await documents.replace(changed, if_match=stored.etag)).value
        except NotFoundError:
            return None
        except PreconditionFailedError:
            continue
    raise OverloadedError(f"Document {document.id!r} keeps changing.", retry_after_s=1)


def _state(error: DocumentError) -> DocumentState:
    match error.code:
        case "needs_ocr" | "empty":
            return error.code
        case _:
            return "failed"
