"""Chat: straight to the model, or grounded in a tenant's documents."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.answers.citations import Grounds
from shared.answers.completions import stream_with_context, stream_written, with_context, written
from shared.answers.grounding import grounded_body, pack, question_of, quoted
from shared.answers.stored_completions import StoredCompletions
from shared.errors import InvalidRequestError
from shared.gateway.cached import CachedChat
from shared.gateway.catalogue import Catalogue
from shared.gateway.chat import ChatCall, Retrieval
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.retrieval.filters import filter_of
from shared.retrieval.indexes import Search
from shared.wire.cache import DEFAULT, CacheWish
from shared.wire.chat import ChatEnvelope, Context, DataSourceParameters
from shared.wire.replies import Relayed, Streamed
from shared.wire.validation import json_of

ABSTAIN = "I found nothing about this in the documents that I can search."

_TOOLS = ("tools", "functions")
_PASSAGES_SHARE = 0.5
"""How much of the model's context passages may take; the rest is the conversation's and the answer's."""


@dataclass(frozen=True, slots=True)
class ChatAnswers:
    gateway: CachedChat
    catalogue: Catalogue
    searcher: Search
    stored: StoredCompletions
    clock: Clock

    async def complete(
        self, caller: Caller, envelope: ChatEnvelope, raw: bytes, wish: CacheWish = DEFAULT
    ) -> Relayed | Streamed:
        """The model's own bytes; with `data_sources`, an answer with its citations in `message.context`; with `store`,
        under an id of ours by which it can be found again."""
        call = replace(_call(caller, envelope, raw), wish=wish)
        if not envelope.store:
            return await self._answered(call, envelope)
        draft = self.stored.draft(caller, envelope, include_usage=call.include_usage)
        return await self.stored.keep(draft, await self._answered(replace(call, include_usage=True), envelope))

    async def _answered(self, call: ChatCall, envelope: ChatEnvelope) -> Relayed | Streamed:
        if envelope.data_sources:
            return await self._grounded(call, envelope, envelope.data_sources[0].parameters)
        if envelope.stream:
            return await self.gateway.stream(call)
        return await self.gateway.complete(call)

    async def _grounded(
        self, call: ChatCall, envelope: ChatEnvelope, source: DataSourceParameters
    ) -> Relayed | Streamed:
        _refuse_tools(call.body)
        model = self.catalogue.find(call.model, "chat")
        question = question_of(envelope.messages)
        if not question.strip():
            raise InvalidRequestError("A grounded answer needs a user message with text.", param="messages")
        found = await self.searcher.search(
            call.caller,
            source.vector_store_ids,
            question,
            limit=source.top_n_documents,
            strictness=source.strictness,
            filters=None if source.filters is None else filter_of(source.filters),
        )
        grounds = Grounds(pack(found, int(model.context_tokens * _PASSAGES_SHARE)), question)
        if not grounds.passages and source.in_scope:
            return await self._abstain(call, envelope, grounds.context())
        return await self._answer(call, envelope, grounds)

    async def _answer(self, call: ChatCall, envelope: ChatEnvelope, grounds: Grounds) -> Relayed | Streamed:
        body = grounded_body(call.body, grounds.passages) if grounds.passages else call.body
        call = replace(call, body=body, retrieval=Retrieval(call.body, quoted(grounds.passages)))
        if not envelope.stream:
            answered = await self.gateway.complete(call)
            return replace(answered, body=with_context(answered.body, grounds))
        streamed = await self.gateway.stream(call)
        events = stream_with_context(streamed.events, grounds)
        await anext(events)
        return replace(streamed, events=events)

    async def _abstain(self, call: ChatCall, envelope: ChatEnvelope, context: Context) -> Relayed | Streamed:
        completion_id, at = self.clock.new_id("chatcmpl-"), self.clock.now()
        if not envelope.stream:
            return Relayed(written(ABSTAIN, context, completion_id=completion_id, model=call.model, at=at))
        events = stream_written(
            ABSTAIN, context, completion_id=completion_id, model=call.model, at=at, include_usage=call.include_usage
        )
        await anext(events)
        return Streamed(events)


def _refuse_tools(body: Mapping[str, object]) -> None:
    """Raise InvalidRequestError for a request that offers tools beside its data sources: what a document says must
    never call one."""
    offered = next((name for name in _TOOLS if body.get(name)), None)
    if offered is not None:
        raise InvalidRequestError(
            f"`{offered}` cannot be combined with `data_sources`: no retrieved text may call a tool. Search the vector"
            " store yourself, or ask without tools.",
            param=offered,
            code="unsupported_parameter",
        )


def _call(caller: Caller, envelope: ChatEnvelope, raw: bytes) -> ChatCall:
    body = json_of(raw)
    body.pop("data_sources", None)
    if envelope.store:  # it is we who store: no provider is asked to keep what a tenant says
        body = {name: value for name, value in body.items() if name not in ("store", "metadata")}
    return ChatCall(
        caller=caller,
        model=envelope.model,
        body=body,
        include_usage=envelope.stream_options is not None and envelope.stream_options.include_usage,
        output_tokens=envelope.max_completion_tokens or envelope.max_tokens,
    )
