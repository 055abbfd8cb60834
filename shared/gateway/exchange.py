"""One plain call to a deployment, from request to whole answer, settled however it ends."""

import asyncio
from collections.abc import Callable

from pydantic import ValidationError

from shared.errors import UpstreamError, UpstreamTimeoutError
from shared.gateway.attempts import Spend, Upstreams, Usage, settled_on_failure, usage_of
from shared.gateway.refusals import refusal
from shared.gateway.routing import Turn
from shared.wire.validation import json_of


async def exchange(
    upstreams: Upstreams, turn: Turn, path: str, body: bytes, *, spend: Spend, count: Callable[[bytes], Usage]
) -> bytes:
    """The answer, byte for byte. `count` gives the usage of an answer that names none, b"" when there was no answer.

    Raise what `refusal` says for a status other than 200, CapacityError, UpstreamError.
    """
    with settled_on_failure(spend, lambda: count(b"")):
        answered = await _ask(upstreams, turn, path, body)
        usage = usage_of(answered)
        if usage is None:
            _require_object(answered)
    spend.observed.answered(answered)
    spend.settle(200, usage or count(answered), estimated=usage is None)
    return answered


async def _ask(upstreams: Upstreams, turn: Turn, path: str, body: bytes) -> bytes:
    try:
        async with asyncio.timeout(turn.deadline_s):
            answer = await upstreams.transport.post(turn.deployment, path, body, deadline_s=turn.deadline_s)
            try:
                if answer.status != 200:
                    raise await refusal(answer, turn.deployment)
                return await answer.read()
            finally:
                answer.close()
    except (TimeoutError, UpstreamTimeoutError) as error:
        raise UpstreamTimeoutError(
            f"The model did not answer within {upstreams.waits.deadline_s:g} s. Set 'stream' to true to get what it "
            f"has to say as it comes, or 'background' on a response for work that takes long."
        ) from error


def _require_object(answered: bytes) -> None:
    """An answer that is cut short is none: OpenAI's clients fail on it with an error that is not theirs."""
    try:
        json_of(answered)
    except ValidationError as error:
        raise UpstreamError("The model's answer cannot be read.", code="upstream_malformed") from error
