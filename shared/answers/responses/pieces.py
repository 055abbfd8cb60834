"""What a model says, piece by piece, out of a chat completion: a whole one, or one that streams."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field, ValidationError

from shared.errors import UpstreamError
from shared.gateway import sse
from shared.gateway.attempts import Usage


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class RefusalText:
    text: str


@dataclass(frozen=True, slots=True)
class CallPart:
    """A part of the call at `index`; its first names the function."""

    index: int
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Finish:
    reason: str


type Piece = Text | RefusalText | CallPart | Finish | Usage


class _Function(BaseModel):
    name: str | None = None
    arguments: str | None = None


class _Call(BaseModel):
    index: int | None = None
    id: str | None = None
    function: _Function = _Function()


class _Said(BaseModel):
    """A `message` or a `delta`."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(BaseModel):
    message: _Said | None = None
    delta: _Said | None = None
    finish_reason: str | None = None


class _Failure(BaseModel):
    message: str = "The model failed in the middle of its answer."
    code: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(default_factory=list[_Choice])
    usage: Usage | None = None
    error: _Failure | None = None


def of_answer(body: bytes) -> Iterator[Piece]:
    """Raise UpstreamError when it cannot be read."""
    completion = _read(body)
    if not completion.choices:
        raise UpstreamError("The model's answer holds no choice.", code="upstream_malformed")
    yield from _of(completion)


async def of_stream(events: AsyncGenerator[bytes]) -> AsyncGenerator[Sequence[Piece]]:
    """What has come together; nothing is a sign of life. Raise UpstreamError for a stream that fails or is cut."""
    try:
        async for arrived in events:
            data = [found for event in sse.split(arrived) if (found := sse.data_of(event))]
            pieces, failure = _until_failure(data)
            if pieces or arrived is sse.PING:
                yield pieces
            if failure is not None:
                raise failure
            if b"[DONE]" in data:
                return
        raise UpstreamError("The model broke off in the middle of its answer.", code="upstream_cut")
    finally:
        await events.aclose()


def _until_failure(data: Sequence[bytes]) -> tuple[list[Piece], UpstreamError | None]:
    """What was said before it failed counts."""
    pieces: list[Piece] = []
    try:
        for one in data:
            if one != b"[DONE]":
                pieces += _of(_read(one))
    except UpstreamError as error:
        return pieces, error
    return pieces, None


def _read(body: bytes) -> _Completion:
    try:
        return _Completion.model_validate_json(body)
    except ValidationError as error:
        raise UpstreamError("The model's answer cannot be read.", code="upstream_malformed") from error


def _of(completion: _Completion) -> Iterator[Piece]:
    """Of the first choice: only one is asked for."""
    if completion.error is not None:
        raise UpstreamError(completion.error.message, code=completion.error.code)
    for choice in completion.choices[:1]:
        yield from _of_message(choice.message or choice.delta or _Said())
        if choice.finish_reason is not None:
            yield Finish(choice.finish_reason)
    if completion.usage is not None:
        yield completion.usage


def _of_message(said: _Said) -> Iterator[Piece]:
    if said.refusal:
        yield RefusalText(said.refusal)
    if said.content:
        yield Text(said.content)
    for place, call in enumerate(said.tool_calls or ()):
        index = place if call.index is None else call.index
        yield CallPart(index, call.id or "", call.function.name or "", call.function.arguments or "")
