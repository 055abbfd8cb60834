"""HTTP in one place: who asks, what for, the call, and the reply or refusal.

@bp.route("v1/files/{file_id}", methods=["GET"])
@endpoint(NoBody, scope="documents")
async def retrieve_file(call: Call[NoBody]) -> FileObject: ...
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass

from azurefunctions.extensions.http.fastapi import Request, Response
from pydantic import BaseModel

from functions.replies import Timing, gone, refuse, render, unexpected
from functions.requests import read, secret_of
from shared import wiring
from shared.errors import PlatformError
from shared.tracing import names, spans
from shared.wire.keys import Scope
from shared.wire.replies import Reply

_POLL_S = 0.5
"""How often a handler that takes long looks whether its client is still there."""


class NoBody(BaseModel):
    """For operations that take nothing but their path."""


@dataclass(frozen=True, slots=True)
class Call[Body: BaseModel]:
    """One authenticated request: who asks, what for, and the platform that can answer.

    `body` is the JSON body, the form of an upload, or the query of a GET or DELETE; `raw` is the JSON as it came.
    """

    caller: wiring.Caller
    body: Body
    raw: bytes
    path: Mapping[str, str]
    platform: wiring.Platform


def endpoint[Body: BaseModel](
    body_type: type[Body], *, scope: Scope
) -> Callable[[Callable[[Call[Body]], Coroutine[None, None, Reply]]], Callable[[Request], Awaitable[Response]]]:
    """Make an HTTP trigger out of a function that knows only the platform, for keys that have the scope."""

    def decorate(
        handler: Callable[[Call[Body]], Coroutine[None, None, Reply]],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def trigger(req: Request) -> Response:
            wiring.observe()
            with spans.served(handler.__name__, method=req.method, traceparent=req.headers.get("traceparent")) as span:
                response = await _answered(req, handler, body_type, scope)
                spans.answer(span, response.status_code)
                return response

        # Not functools.wraps: the host reads the signature, and must see `req`, not `call`.
        trigger.__name__ = handler.__name__
        trigger.__doc__ = handler.__doc__
        return trigger

    return decorate


async def _answered[Body: BaseModel](
    req: Request, handler: Callable[[Call[Body]], Coroutine[None, None, Reply]], body_type: type[Body], scope: Scope
) -> Response:
    timing = Timing.start(handler.__name__)
    try:
        call = await _call(req, body_type, scope)
        spans.note({names.TENANT: call.caller.tenant})
        reply = await _unless_gone(req, handler(call))
        return gone(timing) if reply is None else render(reply, timing)
    except PlatformError as error:
        return refuse(error, timing)
    except Exception as error:  # noqa: BLE001 -- the outermost frame: a client never sees our internals
        return unexpected(error, timing)


async def _call[Body: BaseModel](req: Request, body_type: type[Body], scope: Scope) -> Call[Body]:
    platform = await wiring.platform()
    caller = await platform.keys.authenticate(secret_of(req))
    caller.require(scope)
    limits = platform.limits
    body, raw = await read(req, body_type, max_body_bytes=limits.max_body_bytes, max_file_bytes=limits.max_file_bytes)
    return Call(caller, body, raw, req.path_params, platform)


async def _unless_gone(req: Request, work: Coroutine[None, None, Reply]) -> Reply | None:
    """The work's result, or None when the client left before it was done; then the work is cancelled.

    The host does not cancel a handler whose client leaves before there is a response.
    """
    task = asyncio.create_task(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_POLL_S)
            if not task.done() and await req.is_disconnected():
                return None
        return task.result()
    finally:
        task.cancel()
