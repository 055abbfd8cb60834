"""Rates in a table: one transaction reads and moves."""

from typing import TYPE_CHECKING

from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import rows
from shared.ports.clock import Clock
from shared.ports.limits import Taken

if TYPE_CHECKING:
    import apsw

_GET = "SELECT tat FROM rates WHERE scope = ?"
_PUT = "INSERT OR REPLACE INTO rates (scope, tat) VALUES (?, ?)"
_FORGET = "DELETE FROM rates WHERE tat < ?"


class SqliteRates:
    """Implements `Rates`. All processes are on one machine, so its clock is the store's."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def take(self, scope: str, *, cost_s: float, burst_s: float) -> Taken:
        def work(connection: "apsw.Connection") -> Taken:
            now = self._clock.now().timestamp()
            known = rows(connection, _GET, (scope,))
            if not known:
                connection.execute(_FORGET, (now,))  # what lies behind says nothing more
            tat = max(known[0][0], now) if known else now
            if tat > now + max(burst_s - cost_s, 0):
                return Taken(granted=False, tat=tat, now=now)
            connection.execute(_PUT, (scope, tat + cost_s))
            return Taken(granted=True, tat=tat + cost_s, now=now)

        return await self._database.write(work)
