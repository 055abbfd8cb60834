"""A chat completion in the one form in which it is kept: put together out of a stream, told as a plain answer or as
events again."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from shared.gateway import sse
from shared.wire.validation import json_of

_CALLS = ("tool_calls", "function_call")


class _Message(BaseModel):
    model_config = ConfigDict(extra="allow")

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[dict[str, object]] | None = None
    function_call: dict[str, object] | None = None


class _Choice(BaseModel):
    model_config = ConfigDict(extra="allow")

    index: int
    message: _Message
    finish_reason: str


class Completion(BaseModel):
    """`choices` are told apart by their index; whatever else the deployment said is kept as it is."""

    model_config = ConfigDict(extra="allow")

    choices: list[_Choice] = Field(min_length=1)
    usage: dict[str, object] | None = None

    def is_whole(self, choices: int, *, tools: bool) -> bool:
        """Whether every one of that many choices came to its end by itself and says something.

        One that calls tools is none but with `tools`, whatever reason to finish it names.
        """
        indexes = sorted(choice.index for choice in self.choices)
        return indexes == list(range(choices)) and all(_ended(choice, tools=tools) for choice in self.choices)

    def kept(self) -> bytes:
        """As it is kept."""
        return to_json(self.model_dump(exclude_unset=True))

    def told(self, completion_id: str, created: int) -> bytes:
        """As a plain answer, under an id of its own."""
        return to_json({**self.model_dump(exclude_unset=True), "id": completion_id, "created": created})

    def events(self, completion_id: str, created: int, usage: Mapping[str, object] | None) -> Iterator[bytes]:
        """As a stream; its last chunk has the usage, if there is any to tell."""
        head = self.model_dump(exclude_unset=True, exclude={"choices", "usage"})
        head |= {"id": completion_id, "object": "chat.completion.chunk", "created": created}
        more = {} if usage is None else {"usage": None}
        for choice in self.choices:
            for part in _parts(choice):
                yield sse.event_of({**head, "choices": [{"index": choice.index, **part}], **more})
        if usage is not None:
            yield sse.event_of({**head, "choices": [], "usage": usage})
        yield sse.DONE


def read(body: bytes) -> Completion | None:
    """None for what is no chat completion."""
    try:
        return Completion.model_validate_json(body)
    except ValidationError:
        return None


def _ended(choice: _Choice, *, tools: bool) -> bool:
    message = choice.message
    if message.tool_calls or message.function_call:
        return tools and choice.finish_reason in ("stop", *_CALLS)
    return choice.finish_reason == "stop" and bool(message.content) and not message.refusal


def _parts(choice: _Choice) -> Iterator[Mapping[str, object]]:
    """A choice in the fields of its chunks: who speaks, what is said, and why it ends."""
    said = choice.message.model_dump(exclude_unset=True)
    role = said.pop("role", "assistant")
    if calls := choice.message.tool_calls:
        said["tool_calls"] = [{**call, "index": number} for number, call in enumerate(calls)]
    more = choice.model_dump(exclude_unset=True, exclude={"index", "message", "finish_reason"})
    yield {"delta": {"role": role, "content": ""}, "finish_reason": None}
    yield {**more, "delta": {name: value for name, value in said.items() if value is not None}, "finish_reason": None}
    yield {"delta": {}, "finish_reason": choice.finish_reason}


class _UnclearError(Exception):
    """A stream says something that we cannot put together without guessing."""


def joined(pieces: Iterable[bytes]) -> Completion | None:
    """The completion that a stream told. None when it is cut, failed, or says what we cannot put together."""
    events = [data for piece in pieces for event in sse.split(piece) if (data := sse.data_of(event))]
    if not events or events[-1] != b"[DONE]":
        return None
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    try:
        for data in events[:-1]:
            _take(json_of(data), whole, choices)
        found = [{**choice, "message": _merged_calls(choice.pop("delta"))} for choice in choices.values()]
        return Completion.model_validate({**whole, "object": "chat.completion", "choices": found})
    except (ValidationError, _UnclearError):
        return None


def _take(chunk: Mapping[str, object], whole: dict[str, Any], choices: dict[int, dict[str, Any]]) -> None:
    if "error" in chunk:
        raise _UnclearError
    fields = dict(chunk)
    for one in cast("list[dict[str, Any]]", fields.pop("choices", None) or ()):
        index = one.get("index", 0)
        choices[index] = _merged(choices.get(index, {"index": index, "delta": {}}), one)
    # Azure's first chunk, of its filter, has an empty id and model; the last word that is one counts.
    whole |= {name: value for name, value in fields.items() if value or name not in whole}


def _merged(before: dict[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Two deltas as one: texts and lists grow, objects are merged, numbers and nulls give way."""
    merged = dict(before)
    for name, value in after.items():
        found = merged.get(name)
        if value is None or name in ("index", "role", "finish_reason", "id", "type"):
            merged[name] = found if value is None else value
        elif found is None:
            merged[name] = value
        elif type(found) is not type(value):
            raise _UnclearError
        else:
            merged[name] = _grown(found, value)
    return merged


def _grown(found: Any, value: Any) -> Any:
    match found:
        case str() | list():
            return found + value
        case dict():
            return _merged(cast("dict[str, Any]", found), value)
        case _ if found == value:
            return found
        case _:
            raise _UnclearError


def _merged_calls(message: dict[str, Any]) -> dict[str, Any]:
    """Its tool calls, which came as pieces that name the index of their call."""
    pieces = cast("list[dict[str, Any]]", message.get("tool_calls") or [])
    calls: dict[int, dict[str, Any]] = {}
    for piece in pieces:
        number = piece.pop("index", None)
        if not isinstance(number, int):
            raise _UnclearError
        calls[number] = _merged(calls.get(number, {}), piece)
    return {**message, "tool_calls": list(calls.values())} if calls else message
