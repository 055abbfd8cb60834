"""Models on the wire."""

from typing import Literal

from shared.wire.shape import Shape


class ModelObject(Shape):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "flightdeck"


class ModelList(Shape):
    object: Literal["list"] = "list"
    data: list[ModelObject]
