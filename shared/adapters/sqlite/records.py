"""Records of any type as JSON rows of one table, guarded by etags."""

from collections.abc import Mapping, MutableSequence, Sequence
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from pydantic import TypeAdapter

from shared.adapters.sqlite.connection import SqliteDatabase
from shared.adapters.sqlite.transactions import rows
from shared.errors import ConflictError, InvalidRequestError, NotFoundError, PreconditionFailedError
from shared.ports.codec import Codec
from shared.ports.records import Page, Record, Stored
from shared.wire.versions import Upgrades

if TYPE_CHECKING:
    import apsw

_text = TypeAdapter(str)

_CREATE = """
INSERT INTO records (tenant, kind, id, etag, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1
"""
_REPLACE = "UPDATE records SET etag = ?, body = ? WHERE tenant = ? AND kind = ? AND id = ? AND etag = ? RETURNING 1"
_LIST = "SELECT etag, body FROM records WHERE {conditions} ORDER BY id {direction} LIMIT ?"
_INDEXED = "file_id"
"""Of which few records have the same."""


class SqliteRecords[T: Record]:
    """All records of `record_type`. Implements `Records`."""

    def __init__(self, database: SqliteDatabase, record_type: type[T], *, upgrades: Upgrades | None = None) -> None:
        self._database = database
        self._codec = Codec(record_type, upgrades)
        self._kind = self._codec.kind

    async def get(self, tenant: str, record_id: str) -> Stored[T]:
        return await self._database.look_up(lambda connection: self._find(connection, tenant, record_id))

    async def create(self, value: T) -> Stored[T]:
        row = self._row(value)
        return await self._database.write(lambda connection: self._insert(connection, value, row))

    async def replace(self, value: T, *, if_match: str) -> Stored[T]:
        body, etag = self._codec.encode(value).decode(), _new_etag()

        def work(connection: "apsw.Connection") -> Stored[T]:
            if not rows(connection, _REPLACE, (etag, body, value.tenant, self._kind, value.id, if_match)):
                self._expect(connection, value.tenant, value.id, if_match)
            return Stored(value, etag)

        return await self._database.write(work)

    async def delete(self, tenant: str, record_id: str, *, if_match: str | None = None) -> None:
        def work(connection: "apsw.Connection") -> None:
            self._expect(connection, tenant, record_id, if_match)
            sql = "DELETE FROM records WHERE tenant = ? AND kind = ? AND id = ?"
            connection.execute(sql, (tenant, self._kind, record_id))

        await self._database.write(work)

    async def list(
        self,
        tenant: str,
        *,
        where: Mapping[str, str] | None = None,
        order: Literal["asc", "desc"] = "desc",
        limit: int = 20,
        after: str | None = None,
        before: str | None = None,
    ) -> Page[T]:
        if limit < 1:
            raise InvalidRequestError(f"The limit {limit!r} is below 1.", param="limit")
        backwards = before is not None and after is None
        ascending = (order == "asc") != backwards
        low, high = (after, before) if order == "asc" else (before, after)
        sql, bindings = self._query(tenant, where or {}, low, high, ascending=ascending)
        ask = self._database.look_up if _INDEXED in (where or {}) else self._database.read
        found = await ask(lambda connection: rows(connection, sql, (*bindings, limit + 1)))
        items = [Stored(self._codec.decode(body.encode()), etag) for etag, body in found[:limit]]
        return Page(tuple(reversed(items) if backwards else items), has_more=len(found) > limit)

    def _query(
        self, tenant: str, where: Mapping[str, str], low: str | None, high: str | None, *, ascending: bool
    ) -> tuple[str, Sequence[Any]]:
        conditions = ["tenant = ? AND kind = ?"]
        bindings: MutableSequence[Any] = [tenant, self._kind]
        for bound, operator in ((low, ">"), (high, "<")):
            if bound is not None:
                conditions.append(f"id {operator} ?")
                bindings.append(bound)
        for name, wanted in where.items():
            # JSON against JSON: a string never equals a number, and no escape is lost on the way. The name is one of
            # ours, and stands in the text because an index on it is not used otherwise.
            conditions.append(f"body -> '{self._codec.field(name)}' = ?")
            bindings.append(_text.dump_json(wanted).decode())
        direction = "ASC" if ascending else "DESC"
        return _LIST.format(conditions=" AND ".join(conditions), direction=direction), bindings

    def _row(self, value: T) -> Sequence[str]:
        return value.tenant, self._kind, value.id, _new_etag(), self._codec.encode(value).decode()

    def _insert(self, connection: "apsw.Connection", value: T, row: Sequence[str]) -> Stored[T]:
        if not rows(connection, _CREATE, row):
            raise ConflictError(f"{self._kind} {value.id!r} exists already.")
        return Stored(value, row[3])

    def _find(self, connection: "apsw.Connection", tenant: str, record_id: str) -> Stored[T]:
        sql = "SELECT etag, body FROM records WHERE tenant = ? AND kind = ? AND id = ?"
        for etag, body in rows(connection, sql, (tenant, self._kind, record_id)):
            return Stored(self._codec.decode(body.encode()), etag)
        raise NotFoundError(f"No {self._kind} {record_id!r}.")

    def _expect(self, connection: "apsw.Connection", tenant: str, record_id: str, etag: str | None) -> None:
        found = self._find(connection, tenant, record_id)
        if etag is not None and etag != found.etag:
            raise PreconditionFailedError(f"{self._kind} {record_id!r} has changed meanwhile.")


def _new_etag() -> str:
    return uuid4().hex
