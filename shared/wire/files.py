"""OpenAI's files: uploads, and what there is."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, InstanceOf, StringConstraints

from shared.wire.lists import ListQuery
from shared.wire.shape import Shape
from shared.wire.uploads import Upload

Purpose = Literal["assistants", "batch", "evals", "fine-tune", "user_data", "vision"]


class FileExpiry(Shape):
    model_config = ConfigDict(frozen=True)

    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Field(ge=3600, le=2_592_000)]


class FileForm(Shape):
    """The multipart form of an upload."""

    model_config = ConfigDict(frozen=True)

    file: InstanceOf[Upload]
    purpose: Purpose
    expires_after: FileExpiry | None = None


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


MAX_UPLOAD_BYTES = 8 * 2**30
MAX_PART_BYTES = 64 * 2**20


class UploadBody(Shape):
    """A file that is to come in parts; `bytes` is what they have together."""

    model_config = ConfigDict(frozen=True)

    bytes: Annotated[int, Field(ge=1, le=MAX_UPLOAD_BYTES)]
    filename: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    mime_type: Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[\x20-\x7e]+$")]
    purpose: Purpose
    expires_after: FileExpiry | None = None


class PartForm(Shape):
    model_config = ConfigDict(frozen=True)

    data: InstanceOf[Upload]


class CompletionBody(Shape):
    """The parts in the order in which the file is made of them, and, to check it, the MD5 of the whole in hex."""

    model_config = ConfigDict(frozen=True)

    part_ids: Annotated[list[str], Field(min_length=1, max_length=10_000)]
    md5: Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9a-fA-F]{32}$")] | None = None


class UploadObject(Shape):
    id: str
    object: Literal["upload"] = "upload"
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: FileObject | None = None


class UploadPart(Shape):
    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: int
    upload_id: str
