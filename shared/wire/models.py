"""Models on the wire."""

from typing import Literal

from shared.wire.shape import Shape


class ModelObject(Shape):
    """`kind` is ours: what the model is for."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "flightdeck"
    kind: Literal["chat", "embedding"]


class ModelList(Shape):
    object: Literal["list"] = "list"
    data: list[ModelObject]
