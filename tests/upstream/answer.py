"""The answer of one chat call as data: its deltas, why it ends, and what it cost."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.upstream import orders, words
from tests.upstream.script import Step, ToolCall

CREATED = 1_700_000_000
_FILTER_RESULTS = {"hate": {"filtered": False, "severity": "safe"}}


@dataclass(frozen=True, slots=True)
class Delta:
    """One piece of the answer and the tokens that it counts for."""

    body: dict[str, Any]
    tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    id: str
    model: str
    text: str
    tool_calls: tuple[ToolCall, ...]
    deltas: tuple[Delta, ...]
    finish_reason: str
    usage: dict[str, Any] | None
    prompt_tokens: int

    @property
    def completion_tokens(self) -> int:
        return sum(delta.tokens for delta in self.deltas)


def compose(step: Step, body: dict[str, Any], *, model: str, number: int) -> Answer:
    """Work out the whole answer before the first byte: the same for a plain call and for a stream."""
    messages = body.get("messages") or []
    if step.obedient:
        step = orders.obeyed(step, messages)
    deltas, cut_short = _limited(_deltas(step, messages), body.get("max_completion_tokens") or body.get("max_tokens"))
    prompt_tokens = words.prompt_tokens(messages)
    completion_tokens = sum(delta.tokens for delta in deltas)
    ended = "length" if cut_short else "tool_calls" if step.tool_calls else "stop"
    return Answer(
        id=f"chatcmpl-scripted-{number}",
        model=model,
        text="".join(delta.body.get("content", "") for delta in deltas),
        tool_calls=step.tool_calls,
        deltas=deltas,
        finish_reason=step.finish_reason or ended,
        usage=_usage(step, prompt_tokens, completion_tokens),
        prompt_tokens=prompt_tokens,
    )


def completion(answer: Answer) -> dict[str, Any]:
    """Body of a plain answer."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.tool_calls
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    body = _head(answer, "chat.completion") | {"choices": [choice]}
    return body if answer.usage is None else body | {"usage": answer.usage}


def opening(answer: Answer, step: Step, *, include_usage: bool) -> Iterator[bytes]:
    """Events before the first delta."""
    if step.prompt_filter:
        filtered = [{"prompt_index": 0, "content_filter_results": _FILTER_RESULTS}]
        yield event(
            {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": filtered}
        )
    if step.role_chunk:
        yield _chunk(answer, {"role": "assistant", "content": "", "refusal": None}, include_usage=include_usage)


def delta_event(answer: Answer, delta: Delta, *, include_usage: bool) -> bytes:
    return _chunk(answer, delta.body, include_usage=include_usage)


def closing(answer: Answer, *, include_usage: bool) -> Iterator[bytes]:
    """Events after the last delta: the finish reason, the usage if it was asked for, and the end mark."""
    yield _chunk(answer, {}, finish_reason=answer.finish_reason, include_usage=include_usage)
    if include_usage and answer.usage is not None:
        yield event(_head(answer, "chat.completion.chunk") | {"choices": [], "usage": answer.usage})
    yield b"data: [DONE]\n\n"


def event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _deltas(step: Step, messages: list[dict[str, Any]]) -> tuple[Delta, ...]:
    if step.tool_calls:
        said = (Delta({"content": step.text}, words.tokens(step.text)),) if step.obedient else ()
        return said + tuple(delta for index, call in enumerate(step.tool_calls) for delta in _call_deltas(index, call))
    if step.chunk_count is not None:
        texts = tuple(f" w{n}" for n in range(step.chunk_count))
    elif step.chunks is not None:
        texts = step.chunks
    else:
        texts = words.pieces(words.last_user_text(messages) if step.echo else step.text)
    return tuple(Delta({"content": text}, words.tokens(text)) for text in texts)


def _call_deltas(index: int, call: ToolCall) -> Iterator[Delta]:
    function = {"name": call.name, "arguments": ""}
    first = {"index": index, "id": call.id, "type": "function", "function": function}
    yield Delta({"tool_calls": [first]}, words.tokens(call.name))
    size = -(-len(call.arguments) // call.pieces) or 1
    for start in range(0, len(call.arguments), size):
        part = call.arguments[start : start + size]
        yield Delta({"tool_calls": [{"index": index, "function": {"arguments": part}}]}, words.tokens(part))


def _limited(deltas: tuple[Delta, ...], limit: int | None) -> tuple[tuple[Delta, ...], bool]:
    if limit is None:
        return deltas, False
    kept: list[Delta] = []
    for delta in deltas:
        limit -= delta.tokens
        if limit < 0:
            return tuple(kept), True
        kept.append(delta)
    return tuple(kept), False


def _usage(step: Step, prompt_tokens: int, completion_tokens: int) -> dict[str, Any] | None:
    if step.usage == "missing":
        return None
    counted: dict[str, Any] = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    return counted if step.usage == "auto" else counted | step.usage


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    return {
        "id": answer.id,
        "object": kind,
        "created": CREATED,
        "model": answer.model,
        "system_fingerprint": "fp_scripted",
    }


def _chunk(answer: Answer, delta: dict[str, Any], *, include_usage: bool, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    body = _head(answer, "chat.completion.chunk") | {"choices": [choice]}
    return event(body | {"usage": None} if include_usage else body)
