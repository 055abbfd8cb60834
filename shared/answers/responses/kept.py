"""Responses that are kept: read again, listed, continued, deleted."""

from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import dropwhile

from pydantic import TypeAdapter
from pydantic_core import to_json

from shared.answers.responses.draft import Draft
from shared.answers.responses.output import item_id, response_of
from shared.errors import InvalidRequestError, NotFoundError
from shared.ports.blobs import FILES, Blobs
from shared.ports.conversations import ConversationItem
from shared.ports.keys import Caller
from shared.ports.records import Records, Stored
from shared.ports.responses import Calling, Found, FoundText, ResponseRecord
from shared.retrieval.blob_names import upload_name
from shared.wire.lists import Deleted, ListQuery
from shared.wire.response_items import FileSearchCall, FunctionCall, InputItem, Item, ItemReference, Message
from shared.wire.responses import InputItemPage

_item: TypeAdapter[Item] = TypeAdapter(Item)
_items: TypeAdapter[list[Item]] = TypeAdapter(list[Item])
_MAX_INPUT_BYTES = 256 * 1024
"""Of a record that is read with every turn, and written twice a second while it is made in the background."""

_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "file_search_call": "fs",
    "reasoning": "rs",
}


@dataclass(frozen=True, slots=True)
class History:
    """What goes before a response, and who may read it: whoever has all of these principals.

    `found` are passages that the model has asked for together with a function of the client's, and not yet seen.
    """

    items: Sequence[Item] = ()
    principals: frozenset[str] = frozenset()
    found: Sequence[FoundText] = ()


@dataclass(frozen=True, slots=True)
class KeptResponses:
    records: Records[ResponseRecord]
    blobs: Blobs

    async def get(self, caller: Caller, response_id: str) -> Stored[ResponseRecord]:
        """Raise NotFoundError, also for one that may say what the caller may not read."""
        missing = NotFoundError(f"Response with id {response_id!r} not found.", param="response_id")
        try:
            stored = await self.records.get(caller.tenant, response_id)
        except NotFoundError as error:
            raise missing from error
        if not set(stored.value.principals) <= set(caller.principals):
            raise missing
        return stored

    async def keep(self, record: ResponseRecord) -> ResponseRecord:
        """As it is kept. What is large goes first: a record never names a blob that is not there."""
        body = to_json(record.input)
        if len(body) > _MAX_INPUT_BYTES:
            await self.blobs.upload(FILES, upload_name(record.tenant, record.id), BytesIO(body))
            record = replace(record, input=(), has_blob=True)
        return (await self.records.create(record)).value

    async def input_of(self, record: ResponseRecord) -> list[Item]:
        if not record.has_blob:
            return _items.validate_python(record.input)
        pieces = self.blobs.read(FILES, upload_name(record.tenant, record.id))
        return _items.validate_json(b"".join([piece async for piece in pieces]))

    async def said(self, record: ResponseRecord) -> list[Item]:
        """What it was asked and has put out, but for calls that were cut short: nobody can answer those."""
        output = Draft.of(record).response().output
        whole = [item for item in output if not (isinstance(item, FunctionCall) and item.status == "incomplete")]
        return [*await self.input_of(record), *whole]

    async def delete(self, caller: Caller, response_id: str) -> Deleted:
        """What follows it cannot be continued any more: part of what was said is gone."""
        stored = await self.get(caller, response_id)
        await self.records.delete(caller.tenant, stored.value.id)
        if stored.value.has_blob:
            await self.blobs.delete(FILES, upload_name(caller.tenant, stored.value.id))
        return Deleted(id=response_id, object="response.deleted")

    async def input_items(self, caller: Caller, response_id: str, query: ListQuery) -> InputItemPage:
        """The response's own: what it follows has its own list."""
        record = (await self.get(caller, response_id)).value
        items = await self.input_of(record)
        return _page(items if query.order == "asc" else items[::-1], query)

    async def before(self, caller: Caller, response_id: str | None) -> History:
        """Everything that was said up to the end of that response. Raise NotFoundError for one that is gone."""
        items: list[Item] = []
        principals: set[str] = set()
        found: Sequence[FoundText] | None = None
        while response_id is not None:
            record = await self._previous(caller, response_id)
            items = [*await self.said(record), *items]
            principals |= set(record.principals)
            found = _unseen(record) if found is None else found
            response_id = record.asked.get("previous_response_id")
        return History(items, frozenset(principals), found or ())

    async def spoken(self, caller: Caller, conversation: Sequence[ConversationItem]) -> History:
        """The same of a conversation. Whoever may read it may read all of it."""
        items = [_item.validate_json(item.body) for item in conversation]
        found: Sequence[FoundText] = ()
        if items and isinstance(items[-1], FunctionCall | FileSearchCall):
            with suppress(NotFoundError):
                found = _unseen((await self.get(caller, response_of(items[-1].id or ""))).value)
        return History(items, frozenset(), found)

    async def _previous(self, caller: Caller, response_id: str) -> ResponseRecord:
        try:
            record = (await self.get(caller, response_id)).value
        except NotFoundError as error:
            raise NotFoundError(
                f"Previous response with id {response_id!r} not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            ) from error
        if not record.ended:
            message = f"Response {response_id!r} is still being made: wait for its end."
            raise InvalidRequestError(message, param="previous_response_id")
        return record

    async def resolved(
        self,
        caller: Caller,
        given: str | Sequence[InputItem],
        response_id: str,
        *,
        taken: Set[str | None] = frozenset(),
    ) -> list[Item]:
        """Input as items, each with an id that is not taken. Raise NotFoundError for a reference to nothing."""
        if isinstance(given, str):
            given = [Message(role="user", content=given)]
        items: list[Item] = []
        for place, item in enumerate(given):
            if isinstance(item, ItemReference):
                items.append(await self._referred(caller, item.id))
                continue
            if item.id is None or item.id in taken:
                item.id = item_id(_PREFIXES[item.type], response_id, f"i{place}")
            if isinstance(item, Message):
                item.content = item.parts
            items.append(item)
        return items

    async def _referred(self, caller: Caller, identity: str) -> Item:
        missing = NotFoundError(f"Item with id {identity!r} not found.", param="input")
        try:
            record = (await self.get(caller, response_of(identity))).value
        except NotFoundError as error:
            raise missing from error
        found = next((item for item in await self.said(record) if item.id == identity), None)
        if found is None:
            raise missing
        return found


def _unseen(record: ResponseRecord) -> Sequence[FoundText]:
    """What it found in the round in which it also called the client, which was its last."""
    moves = dropwhile(lambda move: not isinstance(move, Calling), record.moves)
    return [one for move in moves if isinstance(move, Found) for one in move.results]


def _page(items: Sequence[Item], query: ListQuery) -> InputItemPage:
    ids = [item.id for item in items]
    if query.after is not None:
        items = items[ids.index(query.after) + 1 :] if query.after in ids else []
    elif query.before is not None:
        items = items[: ids.index(query.before)][-query.limit :] if query.before in ids else []
    page = list(items[: query.limit])
    return InputItemPage(
        data=page,
        first_id=page[0].id if page else None,
        last_id=page[-1].id if page else None,
        has_more=len(items) > query.limit,
    )
