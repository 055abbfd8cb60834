"""OpenAI's stored chat completions: what was answered, and the messages that were asked."""

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from shared.wire.metadata import Metadata
from shared.wire.shape import Shape


class CompletionsQuery(Shape):
    """A page of completions, the oldest first unless asked otherwise; `metadata` are pairs that all of them have."""

    model_config = ConfigDict(frozen=True)

    limit: int = Field(default=20, ge=1, le=100)
    order: Literal["asc", "desc"] = "asc"
    after: str | None = None
    model: str | None = None
    metadata: Metadata | None = None


class MessagesQuery(Shape):
    model_config = ConfigDict(frozen=True)

    limit: int = Field(default=20, ge=1, le=100)
    order: Literal["asc", "desc"] = "asc"
    after: str | None = None


class CompletionChanges(Shape):
    """Metadata in the place of what a completion has; null for none."""

    model_config = ConfigDict(frozen=True)

    metadata: Metadata | None


class StoredCompletion(Shape):
    """A completion as it was answered, with its metadata."""

    model_config = ConfigDict(extra="allow")

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    metadata: dict[str, str] = Field(default_factory=dict[str, str])


class StoredMessage(Shape):
    """A message as it was sent. Content in parts is told as `content_parts`."""

    model_config = ConfigDict(extra="allow")

    id: str
    role: str
    content: str | None = None
    content_parts: list[JsonValue] | None = None
