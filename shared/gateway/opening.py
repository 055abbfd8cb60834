"""Opening a stream: as far as its first content, so that another deployment can still take over."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import UpstreamError, UpstreamTimeoutError
from shared.gateway import sse
from shared.gateway.attempts import Spend, Upstreams, Usage, settled_on_failure
from shared.gateway.refusals import refusal
from shared.gateway.routing import Turn
from shared.ports.models import UpstreamAnswer
from shared.wire.validation import json_of


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream that has begun to speak. `first` are all its events up to the first with content, and perhaps more."""

    answer: UpstreamAnswer
    cutter: sse.EventCutter
    first: bytes
    spend: Spend


class _Choice(BaseModel):
    model_config = ConfigDict(extra="ignore")

    delta: dict[str, object] | None = None
    finish_reason: str | None = None

    @property
    def says_something(self) -> bool:
        said = self.delta or {}
        return self.finish_reason is not None or any(value for name, value in said.items() if name != "role")


class _Chunk(BaseModel):
    model_config = ConfigDict(extra="ignore")

    choices: list[_Choice] = Field(default_factory=list[_Choice])


async def open_stream(
    upstreams: Upstreams, turn: Turn, path: str, body: bytes, *, spend: Spend, prompt: Callable[[], Usage]
) -> Opened:
    """Settle the attempt and raise when there is no content to be had: what `refusal` says for a status other than
    200, UpstreamTimeoutError after the turn's `ttft_s`, UpstreamError for a stream that dies before content."""
    with settled_on_failure(spend, prompt):
        try:
            async with asyncio.timeout(turn.ttft_s):
                answer = await upstreams.transport.post(turn.deployment, path, body, deadline_s=turn.deadline_s)
                return await _opened(answer, turn, spend)
        except TimeoutError as error:
            raise UpstreamTimeoutError(
                f"Deployment {turn.deployment.id!r} said nothing within {turn.ttft_s:g} s."
            ) from error


async def _opened(answer: UpstreamAnswer, turn: Turn, spend: Spend) -> Opened:
    try:
        cutter, first = await _until_content(answer, turn)
    except BaseException:
        answer.close()
        raise
    spend.first_byte()
    return Opened(answer, cutter, first, spend)


async def _until_content(answer: UpstreamAnswer, turn: Turn) -> tuple[sse.EventCutter, bytes]:
    """The events that have come when the first of them has content."""
    if answer.status != 200:
        raise await refusal(answer, turn.deployment)
    cutter = sse.EventCutter()
    held = b""
    while True:
        events = cutter.feed(await _piece(answer, turn))
        held += events
        if any(_has_content(event, turn) for event in sse.split(events)):
            return cutter, held


async def _piece(answer: UpstreamAnswer, turn: Turn) -> bytes:
    piece = await answer.receive(wait_s=turn.deadline_s)
    if piece is None:
        raise UpstreamTimeoutError(f"Deployment {turn.deployment.id!r} sent no event within {turn.deadline_s:g} s.")
    if not piece:
        message = f"Deployment {turn.deployment.id!r} ended its stream before any content."
        raise UpstreamError(message, code="upstream_cut")
    return piece


def _has_content(event: bytes, turn: Turn) -> bool:
    data = sse.data_of(event)
    if not data:
        return False
    if "error" in parsed(data):
        raise UpstreamError(f"Deployment {turn.deployment.id!r} failed at the start of its stream.")
    try:
        return any(choice.says_something for choice in _Chunk.model_validate_json(data).choices)
    except ValidationError as error:
        raise malformed() from error


def parsed(data: bytes) -> Mapping[str, object]:
    """An event's JSON object. Raise UpstreamError when it is none."""
    try:
        return json_of(data)
    except ValidationError as error:
        raise malformed() from error


def malformed() -> UpstreamError:
    return UpstreamError("The model sent a malformed event.", code="upstream_malformed")
