"""Vectors for passages: from the cache where the same text was embedded before, else from the model, in batches."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from shared.errors import PlatformError
from shared.ports.cache import EmbeddingCache, Vector
from shared.ports.keys import Caller
from shared.ports.limits import Share
from shared.ports.models import Embedder
from shared.retrieval.extraction.document import Passage

_TEXT_VERSION = 1
"""Of `embedded_text`: to be raised with every change of it, and of what a chunk is."""

_TTL_S = 90 * 86400


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much is embedded with one call, at most: `tokens` unless a single text has more."""

    texts: int = 64
    tokens: int = 16_000


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Where vectors can be compared: those of one model, in one length."""

    model: str
    dimensions: int

    @property
    def name(self) -> str:
        return f"embeddings {self.model} {self.dimensions}"


class Slots:
    """Implements `Share` within this process: at most so many calls at once. Who asks for more waits for a turn.

    Chat embeds its questions without asking here, so it never queues behind documents.
    """

    def __init__(self, calls: int) -> None:
        self._slots = asyncio.Semaphore(calls)

    @asynccontextmanager
    async def use(self, tenant: str, tokens: int) -> AsyncGenerator[None]:
        """Every call takes one slot, whoever makes it and whatever its size."""
        del tenant, tokens
        async with self._slots:
            yield


@dataclass(frozen=True, slots=True)
class PassageEmbedder:
    """Asks the model for nothing that the tenant has had embedded lately, and for no text twice.

    What a batch gave is kept before the next begins: a run that fails or dies has lost one batch at most.
    """

    embedder: Embedder
    cache: EmbeddingCache
    space: EmbeddingSpace
    share: Share = field(default_factory=lambda: Slots(4))
    limits: BatchLimits = field(default_factory=BatchLimits)

    async def embed(self, tenant: str, passages: Sequence[Passage]) -> list[Vector]:
        """One vector for each, in order. Raise CapacityError when the model or the cache is at its limit."""
        texts = [_Text(embedded_text(passage), passage.tokens) for passage in passages]
        ids = self._ids(tenant, texts)
        wanted = dict(zip(ids, texts, strict=True))
        vectors = dict(await self.cache.get(tenant, self.space.name, list(wanted)))
        missing = {one: text for one, text in wanted.items() if one not in vectors}
        for batch in _batches(missing, self.limits):
            vectors |= await self._embed(tenant, batch)
        return [vectors[one] for one in ids]

    async def _embed(self, tenant: str, batch: Mapping[str, "_Text"]) -> Mapping[str, Vector]:
        texts = [text.text for text in batch.values()]
        async with self.share.use(tenant, sum(text.tokens for text in batch.values())):
            embedded = await self.embedder.embed(Caller(tenant, None), texts, source="indexing")
        vectors = dict(zip(batch, (self._checked(vector) for vector in embedded.vectors), strict=True))
        await self.cache.put(tenant, self.space.name, vectors, ttl_s=_TTL_S)
        return vectors

    def _checked(self, vector: Vector) -> Vector:
        if len(vector) != self.space.dimensions:
            raise PlatformError(
                f"The embedding model {self.space.model!r} gave a vector of {len(vector)} dimensions; FLIGHTDECK_MODELS"
                f" says {self.space.dimensions}.",
                code="embedding_model_mismatch",
            )
        return vector

    def _ids(self, tenant: str, texts: Sequence["_Text"]) -> list[str]:
        """Digests of JSON: of the version, the tenant, the space and the text."""
        space = json.dumps([_TEXT_VERSION, tenant, self.space.model, self.space.dimensions]).removesuffix("]")
        told = (f"{space}, {json.dumps(text.text)}]" for text in texts)
        return [hashlib.sha256(one.encode()).hexdigest() for one in told]


@dataclass(frozen=True, slots=True)
class _Text:
    """What is embedded of a passage. `tokens` are the passage's."""

    text: str
    tokens: int


def embedded_text(passage: Passage) -> str:
    """Headings say what a passage is about; they belong to its vector, not to its text."""
    return "\n\n".join(filter(None, (" > ".join(passage.headings), passage.text)))


def _batches(texts: Mapping[str, _Text], limits: BatchLimits) -> Iterator[dict[str, _Text]]:
    batch: dict[str, _Text] = {}
    tokens = 0
    for one, text in texts.items():
        if batch and (len(batch) == limits.texts or tokens + text.tokens > limits.tokens):
            yield batch
            batch, tokens = {}, 0
        batch[one] = text
        tokens += text.tokens
    if batch:
        yield batch
