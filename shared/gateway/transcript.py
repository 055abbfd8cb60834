"""What was said, counted by us where a deployment did not say what it used."""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from pydantic import BaseModel, Field, ValidationError

from shared.gateway import sse
from shared.gateway.attempts import Usage
from shared.ports.tokens import TokenCounter

_TOKENS_PER_MESSAGE = 3
"""What the chat template adds around a message (OpenAI cookbook, "How to count tokens with tiktoken")."""


class _Said(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Said | None = None
    delta: _Said | None = None


class _Answer(BaseModel):
    choices: list[_Choice] = Field(default_factory=list[_Choice])


def prompt_texts(value: object) -> Iterator[str]:
    """All text in the messages of a chat completion request, whatever else it holds."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in cast("list[object]", value):
            yield from prompt_texts(part)
    elif isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        yield from prompt_texts([fields[name] for name in ("messages", "content", "text") if name in fields])


def count(body: Mapping[str, object], produced: str, tokens: TokenCounter) -> Usage:
    """The usage of a call that produced this text, as exactly as our own tokenizer can say."""
    prompt = sum(tokens.count(text) + _TOKENS_PER_MESSAGE for text in prompt_texts(body))
    completion = tokens.count(produced) if produced else 0
    return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)


def text_of_answer(body: bytes) -> str:
    return "".join(_said(body))


def text_of_events(pieces: Iterable[bytes]) -> str:
    return "".join(text for piece in pieces for event in sse.split(piece) for text in _said(sse.data_of(event)))


def _said(body: bytes) -> Iterator[str]:
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError:
        return
    for choice in answer.choices:
        said = choice.message or choice.delta
        if said is not None and said.content:
            yield said.content
