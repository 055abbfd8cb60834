"""Embeddings: for clients as bytes, for our own indexing and search as vectors."""

import base64
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from shared.errors import UpstreamError
from shared.gateway.attempts import Spend, Upstreams, Usage, begin, usage_of
from shared.gateway.catalogue import Catalogue, Model
from shared.gateway.dispatch import Ask, Dispatcher
from shared.gateway.exchange import exchange
from shared.gateway.limiter import Admission
from shared.gateway.routing import Turn
from shared.ports.keys import Caller
from shared.ports.models import Deployment, Embeddings
from shared.ports.usage import Source
from shared.wire.replies import Relayed

PATH = "embeddings"


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """One embedding request. `body` is the client's JSON, whatever it holds beyond what we know."""

    caller: Caller
    model: str
    body: Mapping[str, object]
    source: Source = "api"


class _Item(BaseModel):
    index: int
    embedding: str | list[float]


class _Answer(BaseModel):
    data: list[_Item]


class EmbeddingGateway:
    """Raises as `ChatGateway` does."""

    def __init__(self, catalogue: Catalogue, dispatcher: Dispatcher, upstreams: Upstreams) -> None:
        self._catalogue = catalogue
        self._dispatcher = dispatcher
        self._upstreams = upstreams

    async def create(self, call: EmbeddingCall) -> Relayed:
        """A deployment's answer, byte for byte."""
        model = self._catalogue.find(call.model, "embedding")

        async def attempt(turn: Turn, admission: Admission | None) -> bytes:
            body = to_json({**call.body, "model": turn.deployment.model})
            spend = self._begin(call, model, turn.deployment, body, admission)
            return await exchange(
                self._upstreams, turn, PATH, body, spend=spend, count=lambda _: self._counted(call.body)
            )

        ask = Ask(call.caller, model, call.body, max_output_tokens=0, bulk=call.source == "indexing")
        routed = await self._dispatcher.send(ask, attempt)
        return Relayed(routed.value, headers=routed.headers)

    def _begin(
        self, call: EmbeddingCall, model: Model, deployment: Deployment, body: bytes, admission: Admission | None
    ) -> Spend:
        return begin(
            self._upstreams,
            call.caller,
            model,
            deployment,
            operation="embeddings",
            source=call.source,
            body=body,
            admission=admission,
        )

    def _counted(self, body: Mapping[str, object]) -> Usage:
        tokens = self._tokens(body.get("input"))
        return Usage(prompt_tokens=tokens, total_tokens=tokens)

    def _tokens(self, given: object) -> int:
        """Of a text by our own tokenizer; of a list, that of its items; a token is one."""
        if isinstance(given, str):
            return self._upstreams.tokens.count(given)
        if isinstance(given, list):
            return sum(map(self._tokens, given))  # pyright: ignore[reportUnknownArgumentType] -- any JSON
        return 1


class CatalogueEmbedder:
    """The Embedder that retrieval is given: one model of the catalogue."""

    def __init__(self, gateway: EmbeddingGateway, model: str) -> None:
        self._gateway = gateway
        self._model = model

    async def embed(self, caller: Caller, texts: Sequence[str], *, source: Source) -> Embeddings:
        body = {"input": list(texts), "encoding_format": "base64"}
        answered = (await self._gateway.create(EmbeddingCall(caller, self._model, body, source))).body
        try:
            items = sorted(_Answer.model_validate_json(answered).data, key=lambda item: item.index)
        except ValidationError as error:
            raise UpstreamError("The embedding model's answer cannot be read.", code="upstream_malformed") from error
        if len(items) != len(texts):
            raise UpstreamError(f"The embedding model gave {len(items)} vectors for {len(texts)} texts.")
        usage = usage_of(answered) or Usage()
        return Embeddings(tuple(_unit(_floats(item.embedding)) for item in items), usage.prompt_tokens)


def _floats(embedding: str | list[float]) -> Sequence[float]:
    """Base64 of little-endian float32, or a list of numbers: deployments may ignore `encoding_format`."""
    if isinstance(embedding, list):
        return embedding
    packed = base64.b64decode(embedding)
    return struct.unpack(f"<{len(packed) // 4}f", packed)


def _unit(vector: Sequence[float]) -> tuple[float, ...]:
    length = math.sqrt(math.fsum(x * x for x in vector)) or 1.0
    return tuple(x / length for x in vector)
