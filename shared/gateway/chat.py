"""Chat completions: to a deployment and back as bytes, metered to the token."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from pydantic_core import to_json

from shared.errors import ContextLengthError, PlatformError
from shared.gateway import transcript
from shared.gateway.attempts import CLIENT_GONE, Spend, Upstreams, Usage, begin
from shared.gateway.catalogue import Catalogue, Model
from shared.gateway.exchange import exchange
from shared.gateway.relay import Opened, StreamRelay, open_stream
from shared.ports.keys import Caller
from shared.ports.models import Deployment

PATH = "chat/completions"
_DEFAULT_OUTPUT_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One chat completion to be had. `body` is the client's JSON, whatever it holds beyond what we know."""

    caller: Caller
    model: str
    body: Mapping[str, object]
    include_usage: bool = False
    output_tokens: int | None = None


class ChatGateway:
    """Answers with the deployment that the catalogue names.

    Both ways raise UpstreamRefusalError for what the model itself refused, CapacityError, UpstreamError.
    """

    def __init__(self, catalogue: Catalogue, upstreams: Upstreams) -> None:
        self._catalogue = catalogue
        self._upstreams = upstreams

    async def complete(self, call: ChatCall) -> bytes:
        """The deployment's answer, byte for byte."""
        model = self._catalogue.find(call.model, "chat")
        deployment = model.deployments[0]
        body = to_json({**call.body, "model": deployment.model})
        await self._check_length(call, model, len(body))
        spend = self._begin(call, model, deployment, body)

        def count(answered: bytes) -> Usage:
            return transcript.count(call.body, transcript.text_of_answer(answered), self._upstreams.tokens)

        return await exchange(self._upstreams, deployment, PATH, body, spend=spend, count=count)

    async def stream(self, call: ChatCall) -> AsyncGenerator[bytes]:
        """Events as they come, from a generator that has been started (`shared.wire.replies.Streamed`).

        Returns when the first event is there, so that a refusal is still a status code, or after `first_event_s`.
        A failure after that ends the stream with an error event and no `[DONE]`.
        """
        model = self._catalogue.find(call.model, "chat")
        deployment = model.deployments[0]
        body = to_json({**call.body, "model": deployment.model, "stream_options": _with_usage(call.body)})
        await self._check_length(call, model, len(body))
        spend = self._begin(call, model, deployment, body)
        opening = asyncio.create_task(open_stream(self._upstreams, deployment, PATH, body))
        try:
            await self._first_event(opening)
        except PlatformError as error:
            spend.settle(getattr(error, "upstream_status", error.status))
            raise
        except asyncio.CancelledError:
            _abandon(opening)
            spend.settle(CLIENT_GONE, transcript.count(call.body, "", self._upstreams.tokens), estimated=True)
            raise
        relay = StreamRelay(self._upstreams, call.body, spend)
        events = relay.run(opening, include_usage=call.include_usage)
        await anext(events)
        return events

    async def _first_event(self, opening: asyncio.Task[Opened]) -> None:
        await asyncio.wait({opening}, timeout=self._upstreams.waits.first_event_s)
        if opening.done():
            opening.result()

    async def _check_length(self, call: ChatCall, model: Model, size_bytes: int) -> None:
        # A token is seldom under three bytes: only what could be too long is counted, off the event loop.
        if size_bytes <= 3 * model.context_tokens:
            return
        usage = await asyncio.to_thread(transcript.count, call.body, "", self._upstreams.tokens)
        if usage.prompt_tokens > model.context_tokens:
            raise ContextLengthError(
                f"This model's maximum context length is {model.context_tokens} tokens. "
                f"However, your messages resulted in {usage.prompt_tokens} tokens.",
                param="messages",
            )

    def _begin(self, call: ChatCall, model: Model, deployment: Deployment, body: bytes) -> Spend:
        return begin(
            self._upstreams,
            call.caller,
            model,
            deployment,
            operation="completions",
            source="api",
            body=body,
            output_tokens=call.output_tokens or _DEFAULT_OUTPUT_TOKENS,
        )


def _with_usage(body: Mapping[str, object]) -> dict[str, object]:
    options = body.get("stream_options")
    return {**(options if isinstance(options, dict) else {}), "include_usage": True}


def _abandon(opening: asyncio.Task[Opened]) -> None:
    """Cancel the opening; if it had just succeeded, close what it opened."""

    def close(task: asyncio.Task[Opened]) -> None:
        if not task.cancelled() and task.exception() is None:
            task.result().answer.close()

    opening.add_done_callback(close)
    opening.cancel()
