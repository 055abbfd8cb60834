"""The one embedding model that all vectors of a store come from."""

from dataclasses import dataclass

from shared.errors import PlatformError


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """Vectors of two models have nothing to say to each other: the first chunk fixes the model of its store."""

    name: str
    dimensions: int

    def expect(self, found: "EmbeddingModel") -> None:
        """Raise PlatformError when a store's vectors are not ours. It names the setting, and the way to change it."""
        if found == self:
            return
        raise PlatformError(
            f"The store holds embeddings of {found.name!r} with {found.dimensions} dimensions; the settings"
            f" (FLIGHTDECK_EMBEDDING_MODEL, FLIGHTDECK_MODELS) ask for {self.name!r} with {self.dimensions}. Set them"
            " back, or embed everything anew: docs/operations.md, 'Change the embedding model'.",
            code="embedding_model_mismatch",
        )
