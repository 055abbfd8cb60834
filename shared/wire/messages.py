"""Messages of our queues. Each says where to look, never what was seen: handlers read the truth again."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from shared.errors import PoisonMessageError
from shared.wire.shape import Shape
from shared.wire.validation import explain, json_of

VERSION = 1


class QueueMessage(Shape):
    """`deferrals` counts how often the work was put off; it spends no attempt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = VERSION
    deferrals: int = 0


class DocumentMessage(QueueMessage):
    """Reconcile one file of one vector store with its blob."""

    kind: Literal["document"] = "document"
    tenant: str
    store_id: str
    file_id: str


class BlobMessage(QueueMessage):
    """A blob of the `documents` container was created, changed or deleted."""

    kind: Literal["blob"] = "blob"
    blob_name: str


class _EventGridData(Shape):
    url: str


class _EventGridEvent(Shape):
    """Event Grid's own event, as it delivers it to a storage queue (https://aka.ms/eventgrid-schema-blob)."""

    eventType: str  # noqa: N815 -- Event Grid's name
    subject: str
    data: _EventGridData


class ParkedMessage(Shape):
    """What we put on a poison queue ourselves: the original body and why no retry can help."""

    kind: Literal["parked"] = "parked"
    code: str
    reason: str
    body: str


_SUBJECT = "/blobServices/default/containers/documents/blobs/"
_BLOB_EVENTS = ("Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted", "Microsoft.Storage.BlobRenamed")
_ours: TypeAdapter[DocumentMessage | BlobMessage] = TypeAdapter(
    Annotated[DocumentMessage | BlobMessage, Field(discriminator="kind")]
)


def parse_document_event(body: bytes) -> DocumentMessage | BlobMessage:
    """A message of the `documents` queue: ours, or Event Grid's. Raise PoisonMessageError with the reason."""
    fields = json_object(body)
    if "eventType" in fields:
        return _from_event_grid(body)
    check_version(fields)
    try:
        return _ours.validate_json(body)
    except ValidationError as error:
        raise PoisonMessageError(f"Not a message of the documents queue: {explain(error)}.") from error


def _from_event_grid(body: bytes) -> BlobMessage:
    try:
        event = _EventGridEvent.model_validate_json(body)
    except ValidationError as error:
        raise PoisonMessageError(f"Not an Event Grid event: {explain(error)}.") from error
    if event.eventType not in _BLOB_EVENTS or not event.subject.startswith(_SUBJECT):
        raise PoisonMessageError(f"An event that is not ours: {event.eventType!r} on {event.subject!r}.")
    return BlobMessage(blob_name=event.subject.removeprefix(_SUBJECT))


def json_object(body: bytes) -> dict[str, object]:
    try:
        return json_of(body)
    except ValidationError as error:
        raise PoisonMessageError(f"Not a JSON object: {body[:80]!r}.") from error


def check_version(fields: dict[str, object]) -> None:
    """Raise PoisonMessageError for a message that a newer release wrote: it waits for that release to read it."""
    version = fields.get("version")
    if isinstance(version, int) and version > VERSION:
        raise PoisonMessageError(f"Message version {version} is newer than {VERSION}, which this release reads.")
