"""The index of chunks that the settings name, and the next while the embedding model is being changed."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.ports.clock import Clock
from shared.ports.embedding_model import EmbeddingModel
from shared.ports.models import Embedder
from shared.retrieval.embedding import EmbeddingSpace, PassageEmbedder
from shared.retrieval.embedding_change import EmbeddingChange
from shared.retrieval.indexes import Index, LiveIndex, LiveSearch, WrittenChunks
from shared.retrieval.languages import languages_of
from shared.retrieval.lifetimes import Lifetimes
from shared.retrieval.migration import Migration
from shared.retrieval.search import Searcher
from shared.retrieval.tenants import Tenants
from shared.settings.catalogue import ModelSettings
from shared.settings.environment import ConfigurationError
from shared.settings.settings import Settings
from shared.wiring.stores import Stores


@dataclass(frozen=True, slots=True)
class Indexes:
    """`chunks` is what indexing writes, with vectors of `passages`; `search` asks whichever index answers."""

    chunks: WrittenChunks
    passages: PassageEmbedder
    search: LiveSearch
    migration: Migration | None
    change: EmbeddingChange


@dataclass(frozen=True, slots=True)
class EmbeddingModels:
    """Names in the catalogue; `following` is None unless the first is being changed for it."""

    first: str
    following: str | None

    @property
    def names(self) -> list[str]:
        return [self.first] if self.following is None else [self.first, self.following]


def embedding_models(settings: Settings) -> EmbeddingModels:
    """Raise ConfigurationError when a name is wrong, or two models would share an index."""
    known = {name: model for name, model in settings.models.items() if model.kind == "embedding"}
    first = settings.embedding_model or _only(known)
    following = settings.embedding_model_next if settings.embedding_model_next != first else None
    for setting, name in (("EMBEDDING_MODEL", first), ("EMBEDDING_MODEL_NEXT", following)):
        if name is not None and name not in known:
            raise ConfigurationError(f"FLIGHTDECK_{setting} is {name!r}; it must name one of {sorted(known)}.")
    if following is not None and known[following].index == known[first].index:
        raise ConfigurationError(
            f"FLIGHTDECK_MODELS keeps {first!r} and {following!r} in the same index {known[first].index!r}: give"
            f" {following!r} an `index` of its own."
        )
    return EmbeddingModels(first, following)


def open_indexes(
    settings: Settings, models: EmbeddingModels, stores: Stores, embedder: Callable[[str], Embedder], clock: Clock
) -> Indexes:
    opened = [_index(name, settings.models[name], stores, embedder) for name in models.names]
    live = LiveIndex(stores.indexes, clock, [index.name for index in opened])
    searchers = {
        index.name: Searcher(
            Lifetimes(stores.vector_stores, clock),
            index.chunks,
            embedder(name),
            languages=languages_of(settings.models[name].languages),
        )
        for name, index in zip(models.names, opened, strict=True)
    }
    first, *rest = opened
    target = rest[0] if rest else None
    migration = (
        None
        if target is None
        else Migration(
            stores.cursors,
            Tenants(stores.tenants),
            stores.documents,
            live,
            first.chunks,
            target,
            clock,
            overlap_s=settings.migration_overlap_s,
        )
    )
    following = target and target.embedder.space
    change = EmbeddingChange(live, stores.cursors, first.embedder.space, following, settings.migration_overlap_s)
    written = WrittenChunks(live, first.chunks, target)
    return Indexes(written, first.embedder, LiveSearch(live, searchers), migration, change)


def _index(name: str, model: ModelSettings, stores: Stores, embedder: Callable[[str], Embedder]) -> Index:
    dimensions = model.dimensions or 0
    chunks = stores.open_chunks(EmbeddingModel(name, dimensions), model.index)
    return Index(chunks, PassageEmbedder(embedder(name), stores.embeddings, EmbeddingSpace(name, dimensions)))


def _only(known: dict[str, ModelSettings]) -> str:
    if len(known) != 1:
        raise ConfigurationError(f"FLIGHTDECK_EMBEDDING_MODEL is None; it must name one of {sorted(known)}.")
    return next(iter(known))
