"""Chat completions: to a deployment and back as bytes, metered to the token."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from pydantic_core import to_json

from shared.errors import ContextLengthError, PlatformError, UpstreamTimeoutError
from shared.gateway import transcript
from shared.gateway.attempts import CLIENT_GONE, Spend, Upstreams, begin, usage_of
from shared.gateway.catalogue import Catalogue, Model
from shared.gateway.refusals import refusal
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
        try:
            answered = await self._exchange(deployment, body)
        except PlatformError as error:
            spend.settle(getattr(error, "upstream_status", error.status))
            raise
        except asyncio.CancelledError:
            self._settle_abandoned(spend, call)
            raise
        self._settle_answered(spend, call, answered)
        return answered

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
            self._settle_abandoned(spend, call)
            raise
        waits = self._upstreams.waits
        events = StreamRelay(waits, self._upstreams, deployment, call.body, spend).run(
            opening, include_usage=call.include_usage
        )
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

    async def _exchange(self, deployment: Deployment, body: bytes) -> bytes:
        deadline_s = self._upstreams.waits.deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                answer = await self._upstreams.transport.post(deployment, PATH, body, deadline_s=deadline_s)
                try:
                    if answer.status != 200:
                        raise await refusal(answer, deployment)
                    return await answer.read()
                finally:
                    answer.close()
        except (TimeoutError, UpstreamTimeoutError) as error:
            raise UpstreamTimeoutError(
                f"The model did not answer within {deadline_s:g} s. Set 'stream' to true to get what it has to say "
                f"as it comes, or 'background' on a response for work that takes long."
            ) from error

    def _settle_answered(self, spend: Spend, call: ChatCall, answered: bytes) -> None:
        usage = usage_of(answered)
        if usage is not None:
            spend.settle(200, usage)
            return
        counted = transcript.count(call.body, transcript.text_of_answer(answered), self._upstreams.tokens)
        spend.settle(200, counted, estimated=True)

    def _settle_abandoned(self, spend: Spend, call: ChatCall) -> None:
        """The client left before anything was said: the prompt was read all the same."""
        spend.settle(CLIENT_GONE, transcript.count(call.body, "", self._upstreams.tokens), estimated=True)


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
