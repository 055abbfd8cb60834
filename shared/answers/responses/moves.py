"""Noting moves down: what follows one another as one, so that a long answer is short to keep."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import BaseModel, ValidationError

from shared.errors import PlatformError, RateLimitError, RequestError, UpstreamRefusalError
from shared.ports.responses import Argued, Ended, Move, Refused, Said


def note(moves: list[Move], move: Move) -> None:
    """Add it to those before. The same events follow from them as from all moves one by one."""
    last = moves[-1] if moves else None
    if isinstance(move, Said | Refused | Argued) and last is not None and last.kind == move.kind:
        moves[-1] = replace(last, pieces=last.pieces + move.pieces)  # type: ignore[call-arg]
    else:
        moves.append(move)


def beyond(moves: Sequence[Move], known: Sequence[Move]) -> list[Move]:
    """What has been added since these were all, the pieces that the last of them has gained included."""
    if not known:
        return list(moves)
    last, now = known[-1], moves[len(known) - 1]
    if isinstance(last, Said | Refused | Argued) and isinstance(now, Said | Refused | Argued) and last != now:
        gained = replace(now, pieces=now.pieces[len(last.pieces) :])
        return [gained, *moves[len(known) :]]
    return list(moves[len(known) :])


class _Refusal(BaseModel):
    message: str


class _RefusalBody(BaseModel):
    error: _Refusal


def failed(error: PlatformError, at: datetime) -> Ended:
    """The end of a response that failed, in OpenAI's words for why."""
    code = "server_error"
    if isinstance(error, RateLimitError):
        code = "rate_limit_exceeded"
    elif isinstance(error, RequestError):
        code = "invalid_prompt"
    return Ended("failed", at, code=code, message=_message(error))


def _message(error: PlatformError) -> str:
    if not isinstance(error, UpstreamRefusalError):
        return str(error)
    try:
        return _RefusalBody.model_validate_json(error.body).error.message
    except ValidationError:
        return str(error)
