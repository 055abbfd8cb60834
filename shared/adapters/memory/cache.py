"""Embeddings and answers in dictionaries."""

from array import array
from collections.abc import Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta

from shared.errors import TooLargeError
from shared.ports.cache import Vector
from shared.ports.clock import Clock
from shared.ports.records import MAX_RECORD_BYTES


class MemoryEmbeddingCache:
    """Implements `EmbeddingCache`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, str, str], tuple[datetime, Vector]] = {}

    async def get(self, tenant: str, space: str, ids: Sequence[str]) -> Mapping[str, Vector]:
        now = self._clock.now()
        found = {one: self._entries[tenant, space, one] for one in ids if (tenant, space, one) in self._entries}
        return {one: vector for one, (until, vector) in found.items() if until > now}

    async def put(self, tenant: str, space: str, vectors: Mapping[str, Vector], *, ttl_s: int) -> None:
        until = self._clock.now() + timedelta(seconds=ttl_s)
        for one, vector in vectors.items():
            self._entries[tenant, space, one] = until, tuple(array("f", vector))

    async def forget(self, tenant: str, space: str, *, limit: int) -> int:
        return _forget(self._entries, tenant, space, limit)


class MemoryAnswerCache:
    """Implements `AnswerCache`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, str, str], tuple[datetime, bytes]] = {}

    async def get(self, tenant: str, space: str, key: str) -> bytes | None:
        until, answer = self._entries.get((tenant, space, key), (self._clock.now(), None))
        return answer if until > self._clock.now() else None

    async def put(self, tenant: str, space: str, key: str, answer: bytes, *, ttl_s: int) -> None:
        if len(answer) > MAX_RECORD_BYTES:
            raise TooLargeError(f"Answer {key!r} has {len(answer)} bytes; {MAX_RECORD_BYTES} are allowed.")
        self._entries[tenant, space, key] = self._clock.now() + timedelta(seconds=ttl_s), answer

    async def forget(self, tenant: str, space: str, *, limit: int) -> int:
        return _forget(self._entries, tenant, space, limit)


def _forget[Entry](entries: MutableMapping[tuple[str, str, str], Entry], tenant: str, space: str, limit: int) -> int:
    found = [place for place in entries if place[:2] == (tenant, space)][:limit]
    for place in found:
        del entries[place]
    return len(found)
