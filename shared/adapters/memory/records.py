"""Records in a dictionary, as JSON, so that what comes back is what a database would give."""

from collections.abc import Callable, Mapping, MutableMapping
from itertools import count
from typing import Literal

from shared.errors import ConflictError, InvalidRequestError, NotFoundError, PreconditionFailedError
from shared.ports.codec import Codec
from shared.ports.records import Page, Record, Stored
from shared.wire.versions import Upgrades

type Rows = MutableMapping[tuple[str, str], tuple[bytes, str]]
"""By tenant and id: the body and the etag."""

_etags = count(1)


class MemoryRecords[T: Record]:
    """All records of `record_type`. Implements `Records`. With the same `rows`, two releases share a store."""

    def __init__(self, record_type: type[T], *, upgrades: Upgrades | None = None, rows: Rows | None = None) -> None:
        self._codec = Codec(record_type, upgrades)
        self._kind = self._codec.kind
        self._rows: Rows = {} if rows is None else rows

    @property
    def rows(self) -> Rows:
        return self._rows

    async def get(self, tenant: str, record_id: str) -> Stored[T]:
        return self._find(tenant, record_id)

    async def create(self, value: T) -> Stored[T]:
        body = self._codec.encode(value)
        if (value.tenant, value.id) in self._rows:
            raise ConflictError(f"{self._kind} {value.id!r} exists already.")
        return self._write(value, body)

    async def replace(self, value: T, *, if_match: str) -> Stored[T]:
        body = self._codec.encode(value)
        self._expect(value.tenant, value.id, if_match)
        return self._write(value, body)

    async def delete(self, tenant: str, record_id: str, *, if_match: str | None = None) -> None:
        self._expect(tenant, record_id, if_match)
        del self._rows[tenant, record_id]

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
        low, high = (after, before) if order == "asc" else (before, after)
        fits = self._filter(where or {}, low, high)
        every = (self._find(owner, record_id) for owner, record_id in sorted(self._rows) if owner == tenant)
        found = [stored for stored in every if fits(stored.value)]
        if order == "desc":
            found.reverse()
        backwards = before is not None and after is None
        return Page(tuple(found[-limit:] if backwards else found[:limit]), has_more=len(found) > limit)

    def _filter(self, where: Mapping[str, str], low: str | None, high: str | None) -> Callable[[T], bool]:
        known = {self._codec.field(name): wanted for name, wanted in where.items()}

        def fits(value: T) -> bool:
            between = (low is None or value.id > low) and (high is None or value.id < high)
            return between and all(getattr(value, name) == wanted for name, wanted in known.items())

        return fits

    def _find(self, tenant: str, record_id: str) -> Stored[T]:
        if (tenant, record_id) not in self._rows:
            raise NotFoundError(f"No {self._kind} {record_id!r}.")
        body, etag = self._rows[tenant, record_id]
        return Stored(self._codec.decode(body), etag)

    def _expect(self, tenant: str, record_id: str, etag: str | None) -> None:
        found = self._find(tenant, record_id)
        if etag is not None and etag != found.etag:
            raise PreconditionFailedError(f"{self._kind} {record_id!r} has changed meanwhile.")

    def _write(self, value: T, body: bytes) -> Stored[T]:
        etag = f"etag-{next(_etags)}"
        self._rows[value.tenant, value.id] = body, etag
        return Stored(value, etag)
