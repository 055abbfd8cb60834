"""The server's own deterministic idea of tokens and meaning: words are tokens, texts that share words are near."""

import base64
import hashlib
import math
import re
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

DIMENSIONS = 384
PER_MESSAGE = 3
_TOKEN = re.compile(r"\w+|[^\w\s]")
_PIECE = re.compile(r"\s*\S+\s*$|\s*\S+")
_DIMENSIONS_PER_WORD = 3


def tokens(text: str) -> int:
    return len(_TOKEN.findall(text))


def pieces(text: str) -> tuple[str, ...]:
    """Split a text into word-sized chunks that join to the same text."""
    return tuple(_PIECE.findall(text)) or (text,)


def message_text(message: dict[str, Any]) -> str:
    """The text of one chat message; images and the like count for nothing."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content if isinstance(part, dict))


def prompt_tokens(messages: Sequence[dict[str, Any]]) -> int:
    return sum(PER_MESSAGE + tokens(message_text(message)) for message in messages)


def last_user_text(messages: Sequence[dict[str, Any]]) -> str:
    return next((message_text(m) for m in reversed(messages) if m.get("role") == "user"), "")


def embedding_inputs(value: Any) -> list[str | list[int]]:
    """OpenAI's four forms of `input` as one list: a text, texts, token ids, lists of token ids."""
    if isinstance(value, str):
        return [value]
    if value and isinstance(value[0], int):
        return [value]
    return list(value or [])


def input_tokens(text: str | list[int]) -> int:
    return tokens(text) if isinstance(text, str) else len(text)


def embed(text: str | list[int], dimensions: int = DIMENSIONS) -> list[float]:
    """A unit vector: a hashed bag of words in which short (mostly grammatical) words weigh little."""
    words = re.findall(r"\w+", text.lower()) if isinstance(text, str) else [str(token) for token in text]
    vector = [0.0] * dimensions
    for word in words:
        weight = 1.0 if len(word) > 3 or word.isdigit() else 0.2
        for place, sign in _places(word, dimensions):
            vector[place] += sign * weight
    length = math.sqrt(sum(x * x for x in vector))
    if not length:
        vector[0] = length = 1.0
    return [x / length for x in vector]


@lru_cache(maxsize=50_000)
def _places(word: str, dimensions: int) -> tuple[tuple[int, float], ...]:
    digest = hashlib.blake2b(word.encode(), digest_size=4 * _DIMENSIONS_PER_WORD).digest()
    numbers = struct.unpack(f"<{_DIMENSIONS_PER_WORD}I", digest)
    return tuple((number % dimensions, 1.0 if number & 0x8000_0000 else -1.0) for number in numbers)


def as_base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
