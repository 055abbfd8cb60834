"""Embeddings in a table of their own. What has expired is deleted by later writes, some at a time."""

from collections.abc import Mapping, Sequence
from itertools import batched
from typing import TYPE_CHECKING

from shared.adapters.sqlite import vectors as packed
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import rows
from shared.ports.cache import Vector
from shared.ports.clock import Clock

if TYPE_CHECKING:
    import apsw

_VARIABLES = 500
_FEW = 64
_GET = "SELECT id, vector FROM cached_embeddings WHERE tenant = ? AND space = ? AND expires_s > ? AND id IN ({})"
_PUT = """
INSERT INTO cached_embeddings (tenant, space, id, expires_s, vector) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET expires_s = excluded.expires_s
"""
_EXPIRE = """
DELETE FROM cached_embeddings WHERE (tenant, space, id) IN (
  SELECT tenant, space, id FROM cached_embeddings WHERE expires_s <= ? LIMIT ?
)
"""
_FORGET = """
DELETE FROM cached_embeddings WHERE (tenant, space, id) IN (
  SELECT tenant, space, id FROM cached_embeddings WHERE tenant = ? AND space = ? LIMIT ?
) RETURNING 1
"""
_EXPIRE_AT_ONCE = 200


class SqliteEmbeddingCache:
    """Implements `EmbeddingCache`."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, tenant: str, space: str, ids: Sequence[str]) -> Mapping[str, Vector]:
        now_s = self._now_s()

        def work(connection: "apsw.Connection") -> dict[str, Vector]:
            found: dict[str, Vector] = {}
            for some in batched(ids, _VARIABLES, strict=False):
                sql = _GET.format(", ".join("?" * len(some)))
                found |= {one: packed.numbers(raw) for one, raw in rows(connection, sql, (tenant, space, now_s, *some))}
            return found

        if len(ids) > _FEW:
            return await self._database.read(work)
        return await self._database.look_up(work)

    async def put(self, tenant: str, space: str, vectors: Mapping[str, Vector], *, ttl_s: int) -> None:
        now_s = self._now_s()
        kept = [(tenant, space, one, now_s + ttl_s, packed.in_32_bits(vector)) for one, vector in vectors.items()]

        def work(connection: "apsw.Connection") -> None:
            connection.executemany(_PUT, kept)
            connection.execute(_EXPIRE, (now_s, _EXPIRE_AT_ONCE))

        await self._database.write(work)

    async def forget(self, tenant: str, space: str, *, limit: int) -> int:
        gone = await self._database.write(lambda connection: rows(connection, _FORGET, (tenant, space, limit)))
        return len(gone)

    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())
