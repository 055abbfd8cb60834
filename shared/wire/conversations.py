"""OpenAI's conversations."""

from typing import Literal

from pydantic import ConfigDict, Field

from shared.wire.metadata import Metadata
from shared.wire.shape import Shape


class ConversationBody(Shape):
    """A conversation to be made."""

    model_config = ConfigDict(frozen=True)

    metadata: Metadata | None = None


class ConversationChanges(Shape):
    """Metadata in the place of what a conversation has; null for none."""

    model_config = ConfigDict(frozen=True)

    metadata: Metadata | None


class ConversationObject(Shape):
    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    metadata: dict[str, str] = Field(default_factory=dict[str, str])
