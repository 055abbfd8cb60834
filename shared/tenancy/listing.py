"""A tenant's records as a page of OpenAI's lists."""

from collections.abc import Callable

from shared.ports.audit import AuditRecord
from shared.ports.keys import KeyRecord
from shared.ports.records import Records
from shared.wire.keys import AuditObject, KeyObject
from shared.wire.lists import ListPage, ListQuery


async def page_of[T: KeyRecord | AuditRecord, Item: KeyObject | AuditObject](
    records: Records[T], tenant: str, query: ListQuery, shown: Callable[[T], Item]
) -> ListPage[Item]:
    page = await records.list(tenant, order=query.order, limit=query.limit, after=query.after, before=query.before)
    data = [shown(stored.value) for stored in page.items]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return ListPage(data=data, first_id=first, last_id=last, has_more=page.has_more)
