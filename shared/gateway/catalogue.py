"""The models a client may name, and where each of them runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.errors import InvalidRequestError, ModelNotFoundError
from shared.ports.models import Deployment

ModelKind = Literal["chat", "embedding"]


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    kind: ModelKind
    deployments: tuple[Deployment, ...]
    context_tokens: int
    dimensions: int | None = None
    languages: tuple[str, ...] | None = None


class Catalogue:
    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = models

    def find(self, name: str, kind: ModelKind) -> Model:
        """Raise ModelNotFoundError for a name that is not in the catalogue, or is of the other kind."""
        if not name:
            raise InvalidRequestError("You must provide a model parameter.", param="model")
        model = self._models.get(name)
        if model is None or model.kind != kind:
            raise ModelNotFoundError(
                f"The {kind} model {name!r} does not exist or you do not have access to it.", param="model"
            )
        return model

    def all(self) -> tuple[Model, ...]:
        return tuple(self._models.values())

    def get(self, name: str) -> Model:
        """Raise ModelNotFoundError."""
        if name not in self._models:
            raise ModelNotFoundError(f"The model {name!r} does not exist or you do not have access to it.")
        return self._models[name]
