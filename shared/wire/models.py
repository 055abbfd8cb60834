"""Models on the wire."""

from typing import Literal

from pydantic import BaseModel


class ModelObject(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "flightdeck"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelObject]
