"""Walking lists of records: all of them, or one page of those that pass a test."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.ports.records import Record, Records, Stored
from shared.wire.lists import ListQuery

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Walk:
    """Where to go through a list, and which way. `before` alone walks backwards from there."""

    where: Mapping[str, str]
    after: str | None = None
    before: str | None = None
    newest_first: bool = False

    @property
    def backwards(self) -> bool:
        return self.after is None and self.before is not None

    def beyond(self, ids: Sequence[str]) -> "Walk":
        """The rest of the way, after a page of these."""
        if not ids:
            return self
        return replace(self, before=ids[0]) if self.backwards else replace(self, after=ids[-1])


async def walk[T: Record](
    records: Records[T], tenant: str, route: Walk, *, page: int = _PAGE
) -> AsyncGenerator[Stored[T]]:
    """Every record on the route, in the direction of the walk."""
    after, before = route.after, route.before
    while True:
        found = await records.list(
            tenant,
            where=route.where,
            order="desc" if route.newest_first else "asc",
            limit=page,
            after=after,
            before=before,
        )
        for stored in reversed(found.items) if route.backwards else found.items:
            yield stored
        if not found.has_more or not found.items:
            return
        if route.backwards:
            before = found.items[0].value.id
        else:
            after = found.items[-1].value.id


async def page_of[T: Record](
    records: Records[T], tenant: str, route: Walk, limit: int, keep: Callable[[T], bool] = lambda _: True
) -> tuple[list[T], bool]:
    """At most `limit` records that pass, in the order of the list, and whether there are more that way."""
    kept: list[T] = []
    walking = walk(records, tenant, route, page=min(limit + 1, _PAGE))
    async for stored in walking:
        if keep(stored.value):
            kept.append(stored.value)
        if len(kept) > limit:
            break
    await walking.aclose()
    page = kept[:limit]
    return (page[::-1] if route.backwards else page), len(kept) > limit


def route_of(query: ListQuery, where: Mapping[str, str], prefix: str = "") -> Walk:
    """A client's query as a walk. `prefix` turns the ids a client knows into those of the records."""
    return Walk(
        where,
        after=None if query.after is None else prefix + query.after,
        before=None if query.before is None else prefix + query.before,
        newest_first=query.order == "desc",
    )
