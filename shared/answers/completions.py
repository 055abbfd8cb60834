"""Chat completions that we write or change ourselves, plain and as events."""

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_json

from shared.answers.citations import Grounds, MarkCheck
from shared.errors import UpstreamError
from shared.gateway import sse
from shared.wire.chat import Context, Proof

_CALLS = frozenset(("tool_calls", "function_call"))
"""Fields of a message, and the reasons to finish that go with them."""

NO_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


class _Part(BaseModel):
    """A `message` or a `delta`."""

    model_config = ConfigDict(extra="allow")

    content: str | None = None


class _Choice(BaseModel):
    model_config = ConfigDict(extra="allow")

    index: int = 0
    message: _Part | None = None
    delta: _Part | None = None
    finish_reason: str | None = None


class _Completion(BaseModel):
    """A completion or a chunk of one, with whatever else it holds."""

    model_config = ConfigDict(extra="allow")

    choices: list[_Choice]


_json = TypeAdapter(_Completion)


def with_context(answer: bytes, grounds: Grounds) -> bytes:
    """A plain completion with its context in every message, without marks that nothing proves and without tool calls.

    A request with data sources offers no tools: a call could only stem from what a passage says.
    """
    try:
        completion = _json.validate_json(answer)
    except ValidationError as error:
        raise UpstreamError("The model's answer cannot be read.", code="upstream_malformed") from error
    for choice in completion.choices:
        message, check = choice.message or _Part(), MarkCheck(grounds)
        changes: dict[str, object] = {}
        if message.content is not None:
            changes["content"] = check.feed(message.content) + check.flush()
        changes["context"] = grounds.context(check.quotes).model_dump()
        choice.message = _without_calls(message).model_copy(update=changes)
        choice.finish_reason = _finish(choice.finish_reason)
    return _json.dump_json(completion, exclude_unset=True)


async def stream_with_context(events: AsyncGenerator[bytes], grounds: Grounds) -> AsyncGenerator[bytes]:
    """The same for a stream: the first chunk of each choice carries the context, the last one the quotes.

    Yields b"" first, to be started.
    """
    rewrite = _ChunkRewrite(grounds)
    try:
        yield b""
        async for piece in events:
            if piece is sse.PING:
                yield piece
            else:
                yield b"".join(map(rewrite, sse.split(piece)))
    finally:
        await events.aclose()


class _ChunkRewrite:
    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds
        self._checks: dict[int, MarkCheck] = {}

    def __call__(self, event: bytes) -> bytes:
        try:
            chunk = _json.validate_json(sse.data_of(event))
        except ValidationError:
            return event  # the end, an error, a comment
        for choice in chunk.choices:
            choice.delta = self._delta(choice, _without_calls(choice.delta or _Part()))
            choice.finish_reason = _finish(choice.finish_reason)
        return b"data: " + _json.dump_json(chunk, exclude_unset=True) + b"\n\n"

    def _delta(self, choice: _Choice, delta: _Part) -> _Part:
        first = choice.index not in self._checks
        check = self._checks.setdefault(choice.index, MarkCheck(self._grounds))
        content = check.feed(delta.content or "") + (check.flush() if choice.finish_reason else "")
        changes: dict[str, object] = {"context": self._grounds.context().model_dump()} if first else {}
        if choice.finish_reason and check.quotes:
            context = self._grounds.context(check.quotes) if first else Proof(quotes=check.quotes)
            changes["context"] = context.model_dump()
        if content or delta.content is not None:
            changes["content"] = content
        return delta.model_copy(update=changes)


def _without_calls(part: _Part) -> _Part:
    kept = {name: value for name, value in part if name in part.model_fields_set and name not in _CALLS}
    return _Part.model_validate(kept)


def _finish(reason: str | None) -> str | None:
    return "stop" if reason in _CALLS else reason


def written(text: str, context: Context, *, completion_id: str, model: str, at: datetime) -> bytes:
    """A plain completion that no model wrote."""
    message = {"role": "assistant", "content": text, "context": context.model_dump()}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    head = _head("chat.completion", completion_id, model, at)
    return to_json({**head, "choices": [choice], "usage": NO_USAGE})


async def stream_written(
    text: str, context: Context, *, completion_id: str, model: str, at: datetime, include_usage: bool
) -> AsyncGenerator[bytes]:
    head = _head("chat.completion.chunk", completion_id, model, at)

    def chunk(delta: Mapping[str, object], finish_reason: str | None = None) -> bytes:
        return sse.event_of({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    yield b""
    yield chunk({"role": "assistant", "content": "", "context": context.model_dump()})
    yield chunk({"content": text})
    yield chunk({}, "stop")
    if include_usage:
        yield sse.event_of({**head, "choices": [], "usage": NO_USAGE})
    yield sse.DONE


def _head(kind: str, completion_id: str, model: str, at: datetime) -> dict[str, object]:
    return {"id": completion_id, "object": kind, "created": int(at.timestamp()), "model": model}
