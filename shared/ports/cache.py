"""What was computed once and may be used again: vectors of texts that were embedded, answers of models."""

from collections.abc import Mapping, Sequence
from typing import Protocol

type Vector = tuple[float, ...]


class EmbeddingCache(Protocol):
    """Vectors by the id of what was embedded. `space` is of one model; one call stays in one tenant's space.

    An id stands for its content, so an entry never changes; it may be gone at any time. Vectors come back in 32 bits.
    Raises CapacityError when the store throttles or cannot be reached.
    """

    async def get(self, tenant: str, space: str, ids: Sequence[str]) -> Mapping[str, Vector]:
        """Those of them that are known."""
        ...

    async def put(self, tenant: str, space: str, vectors: Mapping[str, Vector], *, ttl_s: int) -> None:
        """Keep them for `ttl_s` seconds from now. Not atomic: some may be kept when it raises."""
        ...

    async def forget(self, tenant: str, space: str, *, limit: int) -> int:
        """Delete so many of a space's entries at most. Return how many; 0 when nothing is left."""
        ...


class AnswerCache(Protocol):
    """Answers by the key of all that they depend on; one call stays in one tenant's space.

    An entry may be gone at any time. Raises CapacityError when the store throttles or cannot be reached.
    """

    async def get(self, tenant: str, space: str, key: str) -> bytes | None: ...

    async def put(self, tenant: str, space: str, key: str, answer: bytes, *, ttl_s: int) -> None:
        """Keep it for `ttl_s` seconds from now, in place of any other. `answer` is JSON.

        Raise TooLargeError for one over `MAX_RECORD_BYTES`.
        """
        ...

    async def forget(self, tenant: str, space: str, *, limit: int) -> int:
        """Delete so many of a space's entries at most. Return how many; 0 when nothing is left."""
        ...
