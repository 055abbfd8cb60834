"""Which models there are."""

from shared.gateway.catalogue import Catalogue, Model
from shared.wire.models import ModelList, ModelObject


class ModelAnswers:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def all(self) -> ModelList:
        return ModelList(data=[_shown(model) for model in self._catalogue.all()])

    def get(self, name: str) -> ModelObject:
        """Raise ModelNotFoundError."""
        return _shown(self._catalogue.get(name))


def _shown(model: Model) -> ModelObject:
    return ModelObject(id=model.name, kind=model.kind)
