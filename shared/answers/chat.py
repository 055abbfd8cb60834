"""Chat: straight to the model, or grounded in a tenant's documents."""

from dataclasses import dataclass, replace

from shared.answers.citations import context_of
from shared.answers.completions import stream_with_context, stream_written, with_context, written
from shared.answers.grounding import grounded_body, pack, question_of
from shared.errors import InvalidRequestError
from shared.gateway.catalogue import Catalogue
from shared.gateway.chat import ChatCall, ChatGateway
from shared.ports.clock import Clock
from shared.ports.keys import Caller
from shared.retrieval.fusion import Passage
from shared.retrieval.indexes import Search
from shared.wire.chat import ChatEnvelope, Context, DataSourceParameters
from shared.wire.replies import Relayed, Streamed
from shared.wire.validation import json_of

ABSTAIN = "I found nothing about this in the documents that I can search."

_PASSAGES_SHARE = 0.5
"""How much of the model's context passages may take; the rest is the conversation's and the answer's."""


@dataclass(frozen=True, slots=True)
class ChatAnswers:
    gateway: ChatGateway
    catalogue: Catalogue
    searcher: Search
    clock: Clock

    async def complete(self, caller: Caller, envelope: ChatEnvelope, raw: bytes) -> Relayed | Streamed:
        """The model's own bytes; with `data_sources`, an answer with its citations in `message.context`."""
        call = _call(caller, envelope, raw)
        if envelope.data_sources:
            return await self._grounded(call, envelope, envelope.data_sources[0].parameters)
        if envelope.stream:
            return await self.gateway.stream(call)
        return await self.gateway.complete(call)

    async def _grounded(
        self, call: ChatCall, envelope: ChatEnvelope, source: DataSourceParameters
    ) -> Relayed | Streamed:
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
        )
        passages = pack(found, int(model.context_tokens * _PASSAGES_SHARE))
        context = context_of(passages, question)
        if not passages and source.in_scope:
            return await self._abstain(call, envelope, context)
        return await self._answer(call, envelope, passages, context)

    async def _answer(
        self, call: ChatCall, envelope: ChatEnvelope, passages: tuple[Passage, ...], context: Context
    ) -> Relayed | Streamed:
        body = grounded_body(call.body, passages) if passages else call.body
        call = ChatCall(call.caller, call.model, body, call.include_usage, call.output_tokens)
        if not envelope.stream:
            answered = await self.gateway.complete(call)
            return replace(answered, body=with_context(answered.body, context))
        streamed = await self.gateway.stream(call)
        events = stream_with_context(streamed.events, context)
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


def _call(caller: Caller, envelope: ChatEnvelope, raw: bytes) -> ChatCall:
    body = json_of(raw)
    body.pop("data_sources", None)
    return ChatCall(
        caller=caller,
        model=envelope.model,
        body=body,
        include_usage=envelope.stream_options is not None and envelope.stream_options.include_usage,
        output_tokens=envelope.max_completion_tokens or envelope.max_tokens,
    )
