"""The export of a tenant: as its administrators see it, and as the message that carries it on. Ours, not OpenAI's."""

from typing import Literal

from pydantic import ValidationError

from shared.errors import PoisonMessageError
from shared.wire.messages import QueueMessage, current, json_object
from shared.wire.shape import Shape
from shared.wire.validation import explain


class ExportObject(Shape):
    """`entries` and `bytes` are those that are written by now."""

    object: Literal["organization.project.export"] = "organization.project.export"
    project_id: str
    status: Literal["in_progress", "completed", "failed"]
    requested_at: int
    completed_at: int | None
    step: str | None
    entries: int
    bytes: int
    last_error: str | None


class ExportMessage(QueueMessage):
    """Go on with an export; `run` tells it from those before."""

    kind: Literal["export"] = "export"
    tenant: str
    run: str


def parse_export(body: bytes) -> ExportMessage:
    """Raise PoisonMessageError with the reason."""
    try:
        return ExportMessage.model_validate(current(json_object(body)))
    except ValidationError as error:
        raise PoisonMessageError(f"Not a message of the exports queue: {explain(error)}.") from error
