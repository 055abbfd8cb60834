"""Messages of our queues. Each says where to look, never what was seen: handlers read the truth again."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from shared.errors import PoisonMessageError
from shared.tracing import spans
from shared.wire.shape import Shape
from shared.wire.validation import explain, json_of
from shared.wire.versions import FIRST, Fields, Upgrades, latest, unchanged, upgraded

UPGRADES: Mapping[str, Upgrades] = {
    "document": (unchanged,),  # 2: `traceparent`
    "blob": (unchanged,),  # 2: `traceparent`
    "usage": (unchanged,),  # 2: `traceparent`
}
"""By the kind of message; a kind that has some says its latest `version` as its own default."""


class QueueMessage(Shape):
    """`deferrals` counts how often the work was put off; it spends no attempt.

    `traceparent` is the W3C trace context of who made the message; without one the field is left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = FIRST
    deferrals: int = 0
    traceparent: str | None = Field(default_factory=spans.traceparent, exclude_if=lambda value: value is None)


class DocumentMessage(QueueMessage):
    """Reconcile one file of one vector store with its blob."""

    version: int = 2
    kind: Literal["document"] = "document"
    tenant: str
    store_id: str
    file_id: str


class PartRange(Shape):
    """What a part covers: `shared.retrieval.extraction.document.Part`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Literal["pages", "bytes", "characters"]
    start: int
    end: int
    char_start: int
    encoding: str = ""


class DocumentPartMessage(QueueMessage):
    """Index one part of one generation of a document that is too large for one run. `index` counts from 0."""

    kind: Literal["document_part"] = "document_part"
    tenant: str
    store_id: str
    file_id: str
    generation: int
    index: int
    part: PartRange


class ResponseMessage(QueueMessage):
    """Make one response whose client does not wait for it."""

    kind: Literal["response"] = "response"
    tenant: str
    response_id: str


class BlobMessage(QueueMessage):
    """A blob of the `documents` container was created, changed or deleted."""

    version: int = 2
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
    Annotated[DocumentMessage | BlobMessage, Field(discriminator="kind")], config=ConfigDict(defer_build=True)
)


def parse_document_event(body: bytes) -> DocumentMessage | BlobMessage:
    """A message of the `documents` queue: ours, or Event Grid's. Raise PoisonMessageError with the reason."""
    fields = json_object(body)
    if "eventType" in fields:
        return _from_event_grid(body)
    try:
        return _ours.validate_python(current(fields))
    except ValidationError as error:
        raise PoisonMessageError(f"Not a message of the documents queue: {explain(error)}.") from error


def parse_document_part(body: bytes) -> DocumentPartMessage:
    """A message of the `document-parts` queue. Raise PoisonMessageError with the reason."""
    try:
        return DocumentPartMessage.model_validate(current(json_object(body)))
    except ValidationError as error:
        raise PoisonMessageError(f"Not a message of the document-parts queue: {explain(error)}.") from error


def parse_response(body: bytes) -> ResponseMessage:
    """A message of the `responses` queue. Raise PoisonMessageError with the reason."""
    try:
        return ResponseMessage.model_validate(current(json_object(body)))
    except ValidationError as error:
        raise PoisonMessageError(f"Not a message of the responses queue: {explain(error)}.") from error


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


def current(fields: Fields, upgrades: Mapping[str, Upgrades] = UPGRADES) -> Fields:
    """A message of this or an earlier release, in this release's version.

    Raise PoisonMessageError for one of a later release: it waits for that release to read it.
    """
    steps = upgrades.get(str(fields.get("kind")), ())
    version = fields.get("version", FIRST)
    if not isinstance(version, int) or version < FIRST:
        raise PoisonMessageError(f"Message version {version!r} is none.")
    if version > latest(steps):
        raise PoisonMessageError(f"Message version {version} is newer than {latest(steps)}, which this release reads.")
    return {**upgraded(fields, version, steps), "version": latest(steps)}


def traceparent_of(body: bytes) -> str | None:
    """The trace context that a message carries, parked or not; None for any other body."""
    try:
        fields = json_of(body)
    except ValidationError:
        return None
    inner = fields.get("body")
    if fields.get("kind") == "parked" and isinstance(inner, str):
        return traceparent_of(inner.encode())
    found = fields.get("traceparent")
    return found if isinstance(found, str) else None
