"""Exact token counts."""

from typing import Protocol


class TokenCounter(Protocol):
    def count(self, text: str) -> int:
        """Tokens of the o200k vocabulary; special tokens in the text are counted as ordinary text."""
        ...
