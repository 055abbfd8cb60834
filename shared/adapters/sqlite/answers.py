"""Answers of models in a table of their own. What has expired is deleted by later writes, some at a time."""

from typing import TYPE_CHECKING

from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import rows
from shared.errors import TooLargeError
from shared.ports.clock import Clock
from shared.ports.records import MAX_RECORD_BYTES

if TYPE_CHECKING:
    import apsw

_GET = "SELECT body FROM cached_answers WHERE tenant = ? AND space = ? AND id = ? AND expires_s > ?"
_PUT = """
INSERT INTO cached_answers (tenant, space, id, expires_s, body) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET expires_s = excluded.expires_s, body = excluded.body
"""
_EXPIRE = """
DELETE FROM cached_answers WHERE (tenant, space, id) IN (
  SELECT tenant, space, id FROM cached_answers WHERE expires_s <= ? LIMIT ?
)
"""
_FORGET = """
DELETE FROM cached_answers WHERE (tenant, space, id) IN (
  SELECT tenant, space, id FROM cached_answers WHERE tenant = ? AND space = ? LIMIT ?
) RETURNING 1
"""
_EXPIRE_AT_ONCE = 200


class SqliteAnswerCache:
    """Implements `AnswerCache`."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, tenant: str, space: str, key: str) -> bytes | None:
        wanted = (tenant, space, key, self._now_s())
        found = await self._database.look_up(lambda connection: rows(connection, _GET, wanted))
        return found[0][0] if found else None

    async def put(self, tenant: str, space: str, key: str, answer: bytes, *, ttl_s: int) -> None:
        if len(answer) > MAX_RECORD_BYTES:
            raise TooLargeError(f"Answer {key!r} has {len(answer)} bytes; {MAX_RECORD_BYTES} are allowed.")
        now_s = self._now_s()

        def work(connection: "apsw.Connection") -> None:
            connection.execute(_PUT, (tenant, space, key, now_s + ttl_s, answer))
            connection.execute(_EXPIRE, (now_s, _EXPIRE_AT_ONCE))

        await self._database.write(work)

    async def forget(self, tenant: str, space: str, *, limit: int) -> int:
        gone = await self._database.write(lambda connection: rows(connection, _FORGET, (tenant, space, limit)))
        return len(gone)

    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())
