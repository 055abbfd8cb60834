"""Models on the wire."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, StrictStr

from shared.wire.shape import Shape

type ModelName = Annotated[StrictStr, BeforeValidator(lambda name: "" if name is None else name)]
"""As a request names its model. AzureOpenAI clients name it in the path, and LangChain's then sends null here."""


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
