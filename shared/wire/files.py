"""OpenAI's files: uploads, and what there is."""

from typing import Literal

from pydantic import ConfigDict, Field, InstanceOf

from shared.wire.lists import ListQuery
from shared.wire.shape import Shape
from shared.wire.uploads import Upload

Purpose = Literal["assistants", "batch", "evals", "fine-tune", "user_data", "vision"]


class FileForm(Shape):
    """The multipart form of an upload. What else OpenAI knows (`expires_after`) is accepted and left alone."""

    model_config = ConfigDict(frozen=True)

    file: InstanceOf[Upload]
    purpose: Purpose


class FileQuery(ListQuery):
    limit: int = Field(default=10_000, ge=1, le=10_000)
    purpose: str | None = None


class FileObject(Shape):
    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None = None
    filename: str
    purpose: str
    status: Literal["uploaded", "processed", "error"] = "processed"
    status_details: str | None = None
