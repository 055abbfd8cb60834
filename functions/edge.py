"""HTTP in one place: who asks, what for, the call, and the reply or refusal.

@bp.route("v1/files", methods=["POST"])
@endpoint(scope="documents")
async def create_file(call: Call[wire.files.FileForm]) -> wire.files.FileObject: ...
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import get_args, get_type_hints

from azurefunctions.extensions.http.fastapi import Request, Response
from pydantic import BaseModel

from functions.cors import shared_with
from functions.repeats import KEY, OPERATIONS
from functions.replies import Timing, gone, refuse, render, unexpected
from functions.requests import read, secret_of
from shared import wire, wiring
from shared.errors import PlatformError
from shared.tracing import names, spans
from shared.wire.replies import Reply
from shared.wire.scopes import Scope

_POLL_S = 0.5
"""How often a handler that takes long looks whether its client is still there."""


class NoBody(BaseModel):
    """For operations that take nothing but their path."""


@dataclass(frozen=True, slots=True)
class Call[Body: BaseModel]:
    """One authenticated request: who asks, what for, and the platform that can answer.

    `body` is the JSON body, the form of an upload, or the query of a GET or DELETE; `raw` is the JSON as it came.
    Names of `headers` are in lower case.
    """

    caller: wiring.Caller
    body: Body
    raw: bytes
    path: Mapping[str, str]
    headers: Mapping[str, str]
    platform: wiring.Platform


type Handler[Body: BaseModel] = Callable[[Call[Body]], Coroutine[None, None, Reply]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What a trigger was made of. The API's description reads it, from the trigger's attribute `operation`."""

    handler: Callable[..., Coroutine[None, None, Reply]]
    scope: Scope
    statuses: tuple[int, ...]


def endpoint[Body: BaseModel](
    *, scope: Scope, statuses: tuple[int, ...] = (200,)
) -> Callable[[Handler[Body]], Callable[[Request], Awaitable[Response]]]:
    """Make an HTTP trigger out of a function that knows only the platform, for keys that have the scope.

    What its `call` is annotated with is the body that clients have to send. The annotation is read at the first call,
    and so may be a string that names a module nobody has imported yet. `statuses` are those of its replies.
    """

    def decorate(handler: Handler[Body]) -> Callable[[Request], Awaitable[Response]]:
        body = functools.cache(lambda: body_type(handler))

        async def trigger(req: Request) -> Response:
            wiring.observe()
            with spans.served(handler.__name__, method=req.method, traceparent=req.headers.get("traceparent")) as span:
                response = await _answered(req, handler, body, scope)
                spans.answer(span, response.status_code)
                return shared_with(req, response)

        # Not functools.wraps: the host reads the signature, and must see `req`, not `call`.
        trigger.__name__ = handler.__name__
        trigger.__doc__ = handler.__doc__
        vars(trigger)["operation"] = Operation(handler, scope, statuses)
        return trigger

    return decorate


async def _answered[Body: BaseModel](
    req: Request, handler: Handler[Body], body: Callable[[], type[Body]], scope: Scope
) -> Response:
    timing = Timing.start(handler.__name__)
    try:
        call = await _call(req, body(), scope)
        spans.note({names.TENANT: call.caller.tenant})
        reply = await _unless_gone(req, _once(call, handler))
        return gone(timing) if reply is None else render(reply, timing)
    except PlatformError as error:
        return refuse(error, timing)
    except Exception as error:  # noqa: BLE001 -- the outermost frame: a client never sees our internals
        return unexpected(error, timing)


async def _once[Body: BaseModel](call: Call[Body], handler: Handler[Body]) -> Reply:
    """The handler's reply, or the one that the same request got before. A stream is made anew each time."""
    key = call.headers.get(KEY)
    if key is None or handler.__name__ not in OPERATIONS or getattr(call.body, "stream", None):
        return await handler(call)
    asked = wire.repeats.Asked(handler.__name__, call.path, call.body, call.raw)
    return await call.platform.repeats.once(call.caller, key, asked, lambda: handler(call))


def body_type[Body: BaseModel](handler: Handler[Body]) -> type[Body]:
    """The `Body` of the handler's `call: Call[Body]`."""
    (body,) = get_args(get_type_hints(handler)["call"])
    return body


async def _call[Body: BaseModel](req: Request, body_type: type[Body], scope: Scope) -> Call[Body]:
    platform = await wiring.platform()
    caller = await platform.callers.authenticate(secret_of(req))
    caller.require(scope)
    limits = platform.limits
    body, raw = await read(req, body_type, max_body_bytes=limits.max_body_bytes, max_file_bytes=limits.max_file_bytes)
    return Call(caller, body, raw, req.path_params, req.headers, platform)


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
