"""Sized records; triggers keep each tenant's sum, so that no writer can forget it."""

from typing import TYPE_CHECKING

from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.records import SqliteRecords
from shared.adapters.sqlite.transactions import rows
from shared.ports.records import FileRecord, Stored, UploadPartRecord
from shared.ports.sizes import full

if TYPE_CHECKING:
    import apsw

_USED = "SELECT bytes FROM stored_bytes WHERE tenant = ?"


class SqliteStoredBytes:
    """Implements `StoredBytes`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def used(self, tenant: str) -> int:
        return await self._database.look_up(lambda connection: _used(connection, tenant))


class SqliteSizedRecords[T: FileRecord | UploadPartRecord](SqliteRecords[T]):
    """Implements `SizedRecords`."""

    async def create(self, value: T, *, most_bytes: int | None = None) -> Stored[T]:
        row = self._row(value)

        def work(connection: "apsw.Connection") -> Stored[T]:
            used = _used(connection, value.tenant)
            if most_bytes is not None and used + value.size_bytes > most_bytes:
                raise full(value.size_bytes, used_bytes=used, most_bytes=most_bytes)
            return self._insert(connection, value, row)

        return await self._database.write(work)


def _used(connection: "apsw.Connection", tenant: str) -> int:
    found = rows(connection, _USED, (tenant,))
    return found[0][0] if found else 0
