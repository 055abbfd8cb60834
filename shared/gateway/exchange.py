"""One plain call to a deployment, from request to whole answer, settled however it ends."""

import asyncio
from collections.abc import Callable

from shared.errors import PlatformError, UpstreamTimeoutError
from shared.gateway.attempts import CLIENT_GONE, Spend, Upstreams, Usage, usage_of
from shared.gateway.refusals import refusal
from shared.ports.models import Deployment


async def exchange(
    upstreams: Upstreams,
    deployment: Deployment,
    path: str,
    body: bytes,
    *,
    spend: Spend,
    count: Callable[[bytes], Usage],
) -> bytes:
    """The answer, byte for byte. `count` gives the usage of an answer that names none, b"" when there was no answer.

    Raise what `refusal` says for a status other than 200, CapacityError, UpstreamError.
    """
    try:
        answered = await _ask(upstreams, deployment, path, body)
    except PlatformError as error:
        spend.settle(getattr(error, "upstream_status", error.status))
        raise
    except asyncio.CancelledError:
        # The client left before anything was said: the prompt was read all the same.
        spend.settle(CLIENT_GONE, count(b""), estimated=True)
        raise
    usage = usage_of(answered)
    spend.settle(200, usage or count(answered), estimated=usage is None)
    return answered


async def _ask(upstreams: Upstreams, deployment: Deployment, path: str, body: bytes) -> bytes:
    deadline_s = upstreams.waits.deadline_s
    try:
        async with asyncio.timeout(deadline_s):
            answer = await upstreams.transport.post(deployment, path, body, deadline_s=deadline_s)
            try:
                if answer.status != 200:
                    raise await refusal(answer, deployment)
                return await answer.read()
            finally:
                answer.close()
    except (TimeoutError, UpstreamTimeoutError) as error:
        raise UpstreamTimeoutError(
            f"The model did not answer within {deadline_s:g} s. Set 'stream' to true to get what it has to say as it "
            f"comes, or 'background' on a response for work that takes long."
        ) from error
