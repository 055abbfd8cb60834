"""Chat completions that are kept because the client said `store`: written once the answer is whole, and found again.

A stored answer gets an id of ours, plain or streamed: the deployment's need be neither unique nor in order of time.
"""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from shared.answers.conversations import together
from shared.errors import NotFoundError, OverloadedError, PlatformError, PreconditionFailedError, TooLargeError
from shared.gateway import completion, sse
from shared.ports.clock import Clock
from shared.ports.completions import CompletionRecord
from shared.ports.conversations import MAX_TOGETHER_BYTES, ConversationItem, ConversationItems, size_bytes
from shared.ports.keys import Caller
from shared.ports.records import Records, Stored
from shared.retrieval.listing import Walk, page_of
from shared.wire.chat import ChatEnvelope
from shared.wire.completions import (
    CompletionChanges,
    CompletionsQuery,
    MessagesQuery,
    StoredCompletion,
    StoredMessage,
)
from shared.wire.lists import Deleted, ListPage
from shared.wire.replies import Relayed, Streamed
from shared.wire.validation import json_of

log = logging.getLogger(__name__)

_ROUNDS = 8
_ERASED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be stored, but for the answer. `include_usage` is what the client asked of its stream."""

    id: str
    tenant: str
    model: str
    metadata: Mapping[str, str]
    messages: Sequence[ConversationItem]
    include_usage: bool


@dataclass(frozen=True, slots=True)
class StoredCompletions:
    records: Records[CompletionRecord]
    items: ConversationItems
    clock: Clock

    def draft(self, caller: Caller, envelope: ChatEnvelope, *, include_usage: bool) -> Draft:
        """Raise TooLargeError for a message that cannot be stored: before it costs anything."""
        completion_id = self.clock.new_id("chatcmpl-")
        asked = [message.model_dump(exclude_unset=True) for message in envelope.messages]
        messages = [_kept(f"{completion_id}-{number}", message) for number, message in enumerate(asked)]
        for number, message in enumerate(messages):
            if (size := size_bytes(message)) > MAX_TOGETHER_BYTES:
                raise TooLargeError(
                    f"The message has {size} bytes; with `store`, {MAX_TOGETHER_BYTES} are allowed.",
                    param=f"messages.{number}",
                )
        metadata = envelope.metadata or {}
        return Draft(completion_id, caller.tenant, envelope.model, metadata, messages, include_usage)

    async def keep(self, draft: Draft, answered: Relayed | Streamed) -> Relayed | Streamed:
        """The same answer under its own id, stored before its end is told. Nobody loses an answer because it could not
        be stored: then the log says so."""
        if isinstance(answered, Relayed):
            named = {**json_of(answered.body), "id": draft.id}
            await self._write(draft, named)
            return replace(answered, body=to_json(named))
        events = self._streamed(draft, answered.events)
        await anext(events)
        return replace(answered, events=events)

    async def list(self, caller: Caller, query: CompletionsQuery) -> ListPage[StoredCompletion]:
        wanted = query.metadata or {}
        where = {} if query.model is None else {"model": query.model}
        route = Walk(where, after=query.after, newest_first=query.order == "desc")
        found, has_more = await page_of(
            self.records, caller.tenant, route, query.limit, lambda record: wanted.items() <= record.metadata.items()
        )
        return _page([_object(record) for record in found], has_more=has_more)

    async def retrieve(self, caller: Caller, completion_id: str) -> StoredCompletion:
        return _object((await self._get(caller, completion_id)).value)

    async def update(self, caller: Caller, completion_id: str, body: CompletionChanges) -> StoredCompletion:
        for _ in range(_ROUNDS):
            stored = await self._get(caller, completion_id)
            changed = replace(stored.value, metadata=body.metadata or {})
            with suppress(PreconditionFailedError):
                return _object((await self.records.replace(changed, if_match=stored.etag)).value)
        raise OverloadedError(f"Completion {completion_id!r} is changed by too many at once.", retry_after_s=1)

    async def delete(self, caller: Caller, completion_id: str) -> Deleted:
        """The record goes last: what fails midway can be repeated."""
        record = (await self._get(caller, completion_id)).value
        while not await self.items.wipe(record.tenant, record.id, limit=_ERASED_AT_ONCE):
            pass
        with suppress(NotFoundError):
            await self.records.delete(record.tenant, record.id)
        return Deleted(id=completion_id, object="chat.completion.deleted")

    async def messages(self, caller: Caller, completion_id: str, query: MessagesQuery) -> ListPage[StoredMessage]:
        await self._get(caller, completion_id)
        page = await self.items.list(
            caller.tenant, completion_id, order=query.order, limit=query.limit, after=query.after
        )
        return _page([StoredMessage.model_validate_json(item.body) for item in page.items], has_more=page.has_more)

    async def _get(self, caller: Caller, completion_id: str) -> Stored[CompletionRecord]:
        try:
            return await self.records.get(caller.tenant, completion_id)
        except NotFoundError as error:
            raise NotFoundError(f"No chat completion {completion_id!r}.", param="completion_id") from error

    async def _streamed(self, draft: Draft, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """Yields b"" first, to be started."""
        passed: list[bytes] = []
        try:
            yield b""
            async for piece in events:
                named = [_named(event, draft.id) for event in sse.split(piece)]
                passed += named
                ended = sse.data_of(named[-1]) == b"[DONE]" if named else False
                told = b"".join(named[:-1] if ended else named)
                if shown := told if draft.include_usage else sse.without_usage(told):
                    yield shown
                if ended:
                    await self._write_joined(draft, passed)
                    yield named[-1]
        finally:
            await events.aclose()

    async def _write_joined(self, draft: Draft, passed: Sequence[bytes]) -> None:
        whole = completion.joined(passed)
        if whole is None:
            log.warning("completion_unkept id=%s reason=%s", draft.id, "its stream cannot be put together")
        else:
            await self._write(draft, whole.model_dump(exclude_unset=True))

    async def _write(self, draft: Draft, answer: Mapping[str, object]) -> None:
        """The record first: as long as anything is kept, it can be found and deleted."""
        try:
            await self.records.create(
                CompletionRecord(
                    id=draft.id,
                    tenant=draft.tenant,
                    created_at=self.clock.now(),
                    model=draft.model,
                    answer=to_json(answer).decode(),
                    metadata=draft.metadata,
                )
            )
            first, *others = together(draft.messages)
            await self.items.open(draft.tenant, draft.id, first)
            for some in others:
                await self.items.append(draft.tenant, draft.id, some)
        except PlatformError as error:
            log.warning("completion_unkept id=%s reason=%s", draft.id, error)


def _kept(message_id: str, message: Mapping[str, Any]) -> ConversationItem:
    parts = {"content": None, "content_parts": message["content"]} if isinstance(message.get("content"), list) else {}
    return ConversationItem(message_id, to_json({**message, **parts, "id": message_id}).decode())


def _named(event: bytes, completion_id: str) -> bytes:
    """A chunk under this id; the end, an error or a comment as it is."""
    try:
        chunk = json_of(sse.data_of(event))
    except ValidationError:
        return event
    return event if "error" in chunk else sse.event_of({**chunk, "id": completion_id})


def _object(record: CompletionRecord) -> StoredCompletion:
    return StoredCompletion.model_validate({**json_of(record.answer.encode()), "metadata": dict(record.metadata)})


def _page[Item: (StoredCompletion, StoredMessage)](data: list[Item], *, has_more: bool) -> ListPage[Item]:
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return ListPage(data=data, first_id=first, last_id=last, has_more=has_more)
