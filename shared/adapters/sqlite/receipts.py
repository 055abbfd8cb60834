"""Receipts in a table. What has expired is deleted by later claims, some at a time."""

from typing import TYPE_CHECKING

from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import rows
from shared.ports.clock import Clock
from shared.ports.receipts import Receipt, check_answer

if TYPE_CHECKING:
    import apsw

_CLAIM = """
INSERT INTO receipts (tenant, key, claim, fingerprint, expires_s) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
  claim = excluded.claim, fingerprint = excluded.fingerprint, expires_s = excluded.expires_s, answer = NULL
WHERE expires_s <= ? RETURNING 1
"""
_GET = "SELECT fingerprint, answer, status FROM receipts WHERE tenant = ? AND key = ?"
_SETTLE = "UPDATE receipts SET answer = ?, status = ?, expires_s = ? WHERE tenant = ? AND key = ? AND claim = ?"
_RELEASE = "DELETE FROM receipts WHERE tenant = ? AND key = ? AND claim = ?"
_EXPIRE = """
DELETE FROM receipts WHERE (tenant, key) IN (SELECT tenant, key FROM receipts WHERE expires_s <= ? LIMIT ?)
"""
_EXPIRE_AT_ONCE = 200


class SqliteReceipts:
    """Implements `Receipts`."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, tenant: str, key: str, claim: str, fingerprint: str, *, ttl_s: int) -> Receipt | None:
        now_s = self._now_s()
        entry = (tenant, key, claim, fingerprint, now_s + ttl_s, now_s)

        def work(connection: "apsw.Connection") -> Receipt | None:
            if not rows(connection, _CLAIM, entry):
                (found,) = rows(connection, _GET, (tenant, key))
                return Receipt(*found)
            connection.execute(_EXPIRE, (now_s, _EXPIRE_AT_ONCE))
            return None

        return await self._database.write(work)

    async def settle(self, tenant: str, key: str, claim: str, answer: str, *, status: int, ttl_s: int) -> None:
        check_answer(answer)
        settled = (answer, status, self._now_s() + ttl_s, tenant, key, claim)
        await self._database.write(lambda connection: connection.execute(_SETTLE, settled))

    async def release(self, tenant: str, key: str, claim: str) -> None:
        await self._database.write(lambda connection: connection.execute(_RELEASE, (tenant, key, claim)))

    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())
