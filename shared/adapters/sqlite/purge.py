"""All records of a tenant, of whatever types, deleted some at a time."""

from typing import TYPE_CHECKING

from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import rows

if TYPE_CHECKING:
    import apsw

_PURGE = """
DELETE FROM records WHERE (tenant, kind, id) IN (SELECT tenant, kind, id FROM records WHERE tenant = ? LIMIT ?)
RETURNING 1
"""


class SqliteTenantData:
    """Implements `TenantData`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def purge(self, tenant: str, *, limit: int) -> int:
        def work(connection: "apsw.Connection") -> int:
            gone = rows(connection, _PURGE, (tenant, limit))
            if len(gone) < limit:
                connection.execute("DELETE FROM stored_bytes WHERE tenant = ?", (tenant,))
            return len(gone)

        return await self._database.write(work)
