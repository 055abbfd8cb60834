"""OpenAI's list envelope, the query that walks it, and the object that answers a deletion."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.wire.shape import Shape


class ListQuery(Shape):
    """Query of every list. `after` and `before` are ids of objects, exclusive."""

    model_config = ConfigDict(frozen=True)

    limit: int = Field(default=20, ge=1, le=100)
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None
    before: str | None = None


class ListPage[Item: BaseModel](Shape):
    object: Literal["list"] = "list"
    data: list[Item]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Deleted(Shape):
    id: str
    object: str
    deleted: Literal[True] = True
