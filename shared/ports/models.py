"""Model deployments: how to reach one, and what retrieval needs of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from shared.ports.keys import Caller
from shared.ports.usage import Source


@dataclass(frozen=True, slots=True)
class Price:
    """Millionths of a US dollar for a million tokens."""

    input_microusd: int = 0
    cached_microusd: int = 0
    output_microusd: int = 0


@dataclass(frozen=True, slots=True)
class Deployment:
    """One place where a model runs. `endpoint` is the base URL that ends where `/chat/completions` begins.

    The lowest `priority` is asked first; among equals, `weight` is the share of the calls.
    """

    id: str
    endpoint: str
    kind: Literal["openai", "azure"]
    model: str
    api_key: str | None = None
    price: Price = Price()
    priority: int = 1
    weight: float = 1.0


class UpstreamAnswer(Protocol):
    """An HTTP answer whose body has not been read yet. Close it in every case; closing early cancels the call."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        ...

    async def read(self) -> bytes:
        """The whole body. Raise UpstreamError when it is cut, UpstreamTimeoutError when it stalls."""
        ...

    async def receive(self, *, wait_s: float, gather_s: float = 0) -> bytes | None:
        """The next piece of the body, of any size: b"" at the end, None when nothing came within `wait_s`.

        Before that, pieces may gather for up to `gather_s`, to come as one. Nothing is lost by a wait that ends with
        None; call again. Raise UpstreamError when the body is cut.
        """
        ...

    def close(self) -> None: ...


class ModelTransport(Protocol):
    async def post(self, deployment: Deployment, path: str, body: bytes, *, deadline_s: float) -> UpstreamAnswer:
        """POST JSON to a path below the deployment's endpoint.

        Raise OverloadedError when it cannot be reached, UpstreamTimeoutError when no answer begins in time. Any HTTP
        status is an answer. `deadline_s` bounds the wait for the answer to begin, and `read`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Embeddings:
    vectors: tuple[tuple[float, ...], ...]
    tokens: int


class Rewriter(Protocol):
    async def rewrite(self, caller: Caller, queries: Sequence[str]) -> Sequence[str]:
        """One query for each, in order: as it was where none better was to be had. Raises nothing for that."""
        ...


class Embedder(Protocol):
    async def embed(self, caller: Caller, texts: Sequence[str], *, source: Source) -> Embeddings:
        """One vector of unit length for each text, in order. Raises CapacityError, UpstreamError."""
        ...
