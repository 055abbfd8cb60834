"""From a request to what is to be done: the record of the response, and the prompt that its rounds begin with."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.answers.conversations import Conversations
from shared.answers.responses.attached import AttachedFiles, attached
from shared.answers.responses.kept import History, KeptResponses
from shared.answers.responses.prompts import ChatMessage, messages_of
from shared.answers.responses.rounds import Task
from shared.errors import ConflictError
from shared.ports.clock import Clock
from shared.ports.conversations import ConversationItem
from shared.ports.keys import Caller
from shared.ports.responses import ResponseRecord
from shared.wire.cache import DEFAULT, CacheWish
from shared.wire.response_items import Item
from shared.wire.responses import ResponseBody

log = logging.getLogger(__name__)

_NOT_REPEATED = {"input", "stream", "stream_options", "include"}
"""What a response does not say of the request it came from."""


@dataclass(frozen=True, slots=True)
class Tasks:
    kept: KeptResponses
    conversations: Conversations
    files: AttachedFiles
    clock: Clock

    async def new(self, caller: Caller, body: ResponseBody, wish: CacheWish = DEFAULT) -> tuple[ResponseRecord, Task]:
        """Raise NotFoundError, InvalidRequestError for what it should follow."""
        response_id = self.clock.new_id("resp_")
        history = await self._history(caller, body)
        items = await self.kept.resolved(caller, body.input, response_id, taken={item.id for item in history.items})
        record = self._record(caller, body, response_id, history, items)
        return record, await self._task(caller, body, history, items, wish)

    async def again(self, record: ResponseRecord) -> Task:
        """The task of one that is in the queue, for the caller who put it there."""
        items = await self.kept.input_of(record)
        body = ResponseBody.model_validate({**record.asked, "input": items})
        caller = Caller(record.tenant, record.key_id, record.principals, limits=record.limits)
        history = await self._history(caller, body)
        return await self._task(caller, body, history, items, DEFAULT)

    async def close(self, record: ResponseRecord) -> None:
        """Add what was asked and answered to the conversation that it is part of, if it is.

        Once: what another attempt has added stays as it is.
        """
        conversation_id = record.asked.get("conversation")
        if conversation_id is None:
            return
        items = [ConversationItem(item.id or "", item.model_dump_json()) for item in await self.kept.said(record)]
        try:
            await self.conversations.append(record.tenant, conversation_id, items)
        except ConflictError:
            log.warning("a response was added to its conversation before response=%s", record.id)

    async def _history(self, caller: Caller, body: ResponseBody) -> History:
        if body.conversation_id is not None:
            return await self.kept.spoken(caller, await self.conversations.read(caller.tenant, body.conversation_id))
        return await self.kept.before(caller, body.previous_response_id)

    def _record(
        self, caller: Caller, body: ResponseBody, response_id: str, history: History, items: Sequence[Item]
    ) -> ResponseRecord:
        """Who read files may have been told what not everybody may read; so may who goes on from there."""
        has_read = body.file_search is not None or bool(attached(items))
        principals = history.principals | set(caller.principals if has_read else ())
        asked = body.model_dump(mode="json", by_alias=True, exclude=_NOT_REPEATED)
        return ResponseRecord(
            id=response_id,
            tenant=caller.tenant,
            created_at=self.clock.now(),
            asked=asked | {"conversation": body.conversation_id},
            input=tuple(item.model_dump(mode="json", exclude_none=True) for item in items),
            principals=tuple(sorted(principals)),
            key_id=caller.key_id,
            limits=caller.limits,
        )

    async def _task(
        self, caller: Caller, body: ResponseBody, history: History, items: Sequence[Item], wish: CacheWish
    ) -> Task:
        every = [*history.items, *items]
        if attached(every):
            wish = replace(wish, keep=False)  # not everybody who asks the same may read them
        prompt = _prompt(body, await self.files.read(caller, every))
        return Task(caller, body, prompt, history.found, wish)


def _prompt(body: ResponseBody, items: Sequence[Item]) -> list[ChatMessage]:
    """Instructions are of this response alone: those before it are not carried over."""
    own = [{"role": "system", "content": body.instructions}] if body.instructions else []
    return [*own, *messages_of(items)]
