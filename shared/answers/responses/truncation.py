"""Making a conversation that is too long fit, by leaving out its beginning."""

from collections.abc import Sequence
from itertools import accumulate

from shared.answers.responses.prompts import ChatMessage
from shared.gateway import transcript
from shared.ports.tokens import TokenCounter


def truncated(messages: Sequence[ChatMessage], budget_tokens: int, tokens: TokenCounter) -> list[ChatMessage]:
    """System messages, and the last of the others that fit together with them; the very last in any case. Calls and
    their outputs stay or go together."""
    system = [message for message in messages if message["role"] == "system"]
    turns = _turns([message for message in messages if message["role"] != "system"])
    left = budget_tokens - _count(system, tokens)
    costs = [_count(turn, tokens) for turn in reversed(turns)]
    fitting = sum(total <= left for total in accumulate(costs))
    kept = turns[len(turns) - max(1, fitting) :]
    return [*system, *(message for turn in kept for message in turn)]


def _turns(messages: Sequence[ChatMessage]) -> list[list[ChatMessage]]:
    turns: list[list[ChatMessage]] = []
    for message in messages:
        if message["role"] == "tool" and turns:
            turns[-1].append(message)
        else:
            turns.append([message])
    return turns


def _count(messages: Sequence[ChatMessage], tokens: TokenCounter) -> int:
    return transcript.count({"messages": list(messages)}, "", tokens).prompt_tokens
