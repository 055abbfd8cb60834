"""Chat completions: to a deployment and back as bytes, metered to the token."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic_core import to_json

from shared.errors import ContextLengthError
from shared.gateway import transcript
from shared.gateway.attempts import Spend, Upstreams, Usage, begin
from shared.gateway.catalogue import Catalogue, Model
from shared.gateway.dispatch import Ask, Dispatcher
from shared.gateway.exchange import exchange
from shared.gateway.limiter import Admission
from shared.gateway.opening import Opened, open_stream
from shared.gateway.relay import Opening, StreamRelay, abandon
from shared.gateway.routing import Routed, Turn
from shared.ports.keys import Caller
from shared.ports.models import Deployment
from shared.ports.usage import Source
from shared.wire.cache import DEFAULT, CacheWish
from shared.wire.replies import Relayed, Streamed

PATH = "chat/completions"
_DEFAULT_OUTPUT_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What a grounded call was made of: the client's own JSON, and the passages as the model is shown them."""

    asked: Mapping[str, object]
    passages: str


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One chat completion to be had. `body` is the client's JSON, whatever it holds beyond what we know.

    `param` is what the client calls that which becomes too long: what its messages came from.
    """

    caller: Caller
    model: str
    body: Mapping[str, object]
    include_usage: bool = False
    output_tokens: int | None = None
    wish: CacheWish = DEFAULT
    retrieval: Retrieval | None = None
    source: Source = "api"
    param: str = "messages"


class ChatGateway:
    """Answers with a deployment that the catalogue names.

    Both ways raise UpstreamRefusalError for what the model itself refused, CapacityError, UpstreamError.
    """

    def __init__(self, catalogue: Catalogue, dispatcher: Dispatcher, upstreams: Upstreams) -> None:
        self._catalogue = catalogue
        self._dispatcher = dispatcher
        self._upstreams = upstreams

    async def complete(self, call: ChatCall) -> Relayed:
        """The deployment's answer, byte for byte."""
        model = self._catalogue.find(call.model, "chat")

        def count(answered: bytes) -> Usage:
            return transcript.count(call.body, transcript.text_of_answer(answered), self._upstreams.tokens)

        async def attempt(turn: Turn, admission: Admission | None) -> bytes:
            body = to_json({**call.body, "model": turn.deployment.model})
            await self._check_length(call, model, len(body))
            spend = self._begin(call, model, turn.deployment, body, admission)
            return await exchange(self._upstreams, turn, PATH, body, spend=spend, count=count)

        routed = await self._dispatcher.send(_ask(call, model), attempt)
        return Relayed(routed.value, headers=routed.headers)

    async def stream(self, call: ChatCall) -> Streamed:
        """Events as they come.

        Returns when the first content is there, so that a refusal is still a status code, or after `first_event_s`.
        A failure after that ends the stream with an error event and no `[DONE]`.
        """
        opening = asyncio.create_task(self._open(call))
        try:
            await self._first_event(opening)
        except asyncio.CancelledError:
            abandon(opening)
            raise
        events = StreamRelay(self._upstreams, call.body).run(opening, include_usage=call.include_usage)
        await anext(events)
        return Streamed(events, headers=opening.result().headers if opening.done() else {})

    async def _open(self, call: ChatCall) -> Routed[Opened]:
        model = self._catalogue.find(call.model, "chat")
        options = _with_usage(call.body)

        async def attempt(turn: Turn, admission: Admission | None) -> Opened:
            body = to_json({**call.body, "model": turn.deployment.model, "stream_options": options})
            await self._check_length(call, model, len(body))
            spend = self._begin(call, model, turn.deployment, body, admission, stream=True)
            return await open_stream(self._upstreams, turn, PATH, body, spend=spend, prompt=lambda: self._prompt(call))

        return await self._dispatcher.send(_ask(call, model), attempt)

    def _prompt(self, call: ChatCall) -> Usage:
        return transcript.count(call.body, "", self._upstreams.tokens)

    async def _first_event(self, opening: Opening) -> None:
        await asyncio.wait({opening}, timeout=self._upstreams.waits.first_event_s)
        if opening.done():
            opening.result()

    async def _check_length(self, call: ChatCall, model: Model, size_bytes: int) -> None:
        # A token is seldom under three bytes: only what could be too long is counted, off the event loop.
        if size_bytes <= 3 * model.context_tokens:
            return
        usage = await asyncio.to_thread(self._prompt, call)
        if usage.prompt_tokens > model.context_tokens:
            raise ContextLengthError(
                f"This model's maximum context length is {model.context_tokens} tokens. "
                f"However, your {call.param} resulted in {usage.prompt_tokens} tokens.",
                param=call.param,
            )

    def _begin(
        self,
        call: ChatCall,
        model: Model,
        deployment: Deployment,
        body: bytes,
        admission: Admission | None,
        *,
        stream: bool = False,
    ) -> Spend:
        return begin(
            self._upstreams,
            call.caller,
            model,
            deployment,
            operation="completions",
            source=call.source,
            body=body,
            output_tokens=call.output_tokens or _DEFAULT_OUTPUT_TOKENS,
            stream=stream,
            admission=admission,
        )


def _ask(call: ChatCall, model: Model) -> Ask:
    return Ask(call.caller, model, call.body, call.output_tokens)


def _with_usage(body: Mapping[str, object]) -> dict[str, object]:
    options = body.get("stream_options")
    return {**(options if isinstance(options, dict) else {}), "include_usage": True}
