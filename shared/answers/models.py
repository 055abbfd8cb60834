"""Which models there are."""

from shared.gateway.catalogue import Catalogue
from shared.wire.models import ModelList, ModelObject


class ModelAnswers:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def all(self) -> ModelList:
        return ModelList(data=[ModelObject(id=model.name) for model in self._catalogue.all()])

    def get(self, name: str) -> ModelObject:
        """Raise ModelNotFoundError."""
        return ModelObject(id=self._catalogue.get(name).name)
