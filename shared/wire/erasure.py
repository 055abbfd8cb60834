"""The erasure of a tenant: as an operator sees it, and as the message that carries it on. Ours, not OpenAI's."""

from collections.abc import Mapping
from typing import Literal

from pydantic import ValidationError

from shared.errors import PoisonMessageError
from shared.wire.messages import QueueMessage, current, json_object
from shared.wire.shape import Shape
from shared.wire.validation import explain


class ErasureObject(Shape):
    """`erased` counts what each step has found, by the step's name."""

    object: Literal["organization.project.erasure"] = "organization.project.erasure"
    project_id: str
    pseudonym: str
    status: Literal["in_progress", "completed", "failed"]
    requested_at: int
    erases_from: int | None
    completed_at: int | None
    step: str | None
    erased: Mapping[str, int]
    last_error: str | None


class EraseMessage(QueueMessage):
    """Go on with an erasure."""

    kind: Literal["erase"] = "erase"
    erasure_id: str


def parse_erase(body: bytes) -> EraseMessage:
    """Raise PoisonMessageError with the reason."""
    try:
        return EraseMessage.model_validate(current(json_object(body)))
    except ValidationError as error:
        raise PoisonMessageError(f"Not a message of the erasures queue: {explain(error)}.") from error
