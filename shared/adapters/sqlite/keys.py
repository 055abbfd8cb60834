"""The places of API keys in a table."""

from typing import TYPE_CHECKING

from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import rows
from shared.errors import ConflictError, NotFoundError
from shared.ports.keys import KeyPlace

if TYPE_CHECKING:
    import apsw

_GET = "SELECT tenant, key_id FROM api_keys WHERE hmac = ?"
_PUT = "INSERT INTO api_keys (hmac, tenant, key_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_REMOVE = "DELETE FROM api_keys WHERE hmac = ?"


class SqliteKeyIndex:
    """Implements `KeyIndex`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def find(self, hmac: str) -> KeyPlace:
        return await self._database.look_up(lambda connection: _find(connection, hmac))

    async def put(self, hmac: str, place: KeyPlace) -> None:
        def work(connection: "apsw.Connection") -> KeyPlace:
            connection.execute(_PUT, (hmac, place.tenant, place.key_id))
            return _find(connection, hmac)

        if await self._database.write(work) != place:
            raise ConflictError(f"The HMAC of key {place.key_id!r} is another's already.")

    async def remove(self, hmac: str) -> None:
        await self._database.write(lambda connection: connection.execute(_REMOVE, (hmac,)))


def _find(connection: "apsw.Connection", hmac: str) -> KeyPlace:
    for tenant, key_id in rows(connection, _GET, (hmac,)):
        return KeyPlace(tenant, key_id)
    raise NotFoundError("No such key.")
