"""Writing a response: replies, refusals, and the headers every answer carries."""

import logging
import math
import secrets
import time
import urllib.parse
from dataclasses import dataclass

from azurefunctions.extensions.http.fastapi import Response, StreamingResponse
from pydantic import BaseModel

from shared import wire
from shared.errors import PlatformError, QuotaError, UpstreamRefusalError
from shared.wire.replies import Download, Relayed, Reply, Streamed

log = logging.getLogger(__name__)

_BILLED_OR_FINAL = frozenset({409, 412, 504})
"""Where a client's own retry would do harm: OpenAI's clients repeat 409 and 5xx unless told not to."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One request: its id, which operation, and since when."""

    request_id: str
    operation: str
    began: float

    @classmethod
    def start(cls, operation: str) -> "Timing":
        return cls("req_" + secrets.token_hex(16), operation, time.perf_counter())

    def finish(self, status: int) -> dict[str, str]:
        """Log the request and give the headers of its answer."""
        elapsed_ms = round((time.perf_counter() - self.began) * 1000)
        log.info("%s status=%s ms=%s request_id=%s", self.operation, status, elapsed_ms, self.request_id)
        return {"x-request-id": self.request_id, "openai-processing-ms": str(elapsed_ms)}


def render(reply: Reply, timing: Timing, *, status: int = 200) -> Response:
    """`status` is for a model; the others bring their own."""
    match reply:
        case Streamed():
            return _stream(reply, timing)
        case Relayed():
            headers = timing.finish(reply.status) | dict(reply.headers)
            return Response(reply.body, reply.status, headers, media_type="application/json")
        case Download():
            return _download(reply, timing)
        case BaseModel():
            return Response(reply.model_dump_json(), status, timing.finish(status), media_type="application/json")


def _stream(reply: Streamed, timing: Timing) -> Response:
    headers = timing.finish(200) | {"cache-control": "no-cache", "x-accel-buffering": "no"} | dict(reply.headers)
    return StreamingResponse(reply.events, headers=headers, media_type="text/event-stream")


def _download(reply: Download, timing: Timing) -> Response:
    name = urllib.parse.quote(reply.filename, safe="")
    start, end = reply.byte_range or (0, reply.size_bytes)
    status = 200 if reply.byte_range is None else 206
    headers = {
        "content-length": str(end - start),
        "accept-ranges": "bytes",
        "etag": reply.etag,
        # Never rendered in a browser: the content is a user's, the origin is ours.
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
        "x-content-type-options": "nosniff",
    }
    if reply.byte_range is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{reply.size_bytes}"
    return StreamingResponse(
        reply.content, status, headers=timing.finish(status) | headers, media_type=reply.content_type
    )


def refuse(error: PlatformError, timing: Timing) -> Response:
    """OpenAI's error object. What the model itself refused is passed on word for word."""
    if isinstance(error, UpstreamRefusalError):
        headers = timing.finish(error.upstream_status)
        return Response(error.body, error.upstream_status, headers, media_type="application/json")
    headers = timing.finish(error.status) | _advice(error) | dict(error.headers)
    return _refusal(error, headers)


def _refusal(error: PlatformError, headers: dict[str, str]) -> Response:
    said = wire.refusals.ErrorObject(message=str(error), type=error.type, param=error.param, code=error.code)
    body = wire.refusals.Refusal(error=said).model_dump_json()
    return Response(body, error.status, headers, media_type="application/json")


def _advice(error: PlatformError) -> dict[str, str]:
    if error.status in _BILLED_OR_FINAL or isinstance(error, QuotaError):
        return {"x-should-retry": "false"}
    if error.retry_after_s is None:
        return {}
    return {
        "retry-after": str(math.ceil(error.retry_after_s)),
        "retry-after-ms": str(math.ceil(error.retry_after_s * 1000)),
    }


def unexpected(error: Exception, timing: Timing) -> Response:
    """A fault of ours: the traceback to the log, its id and nothing else to the client."""
    log.error("%s failed request_id=%s", timing.operation, timing.request_id, exc_info=error)
    message = f"The server had an error while processing your request; its id is {timing.request_id}."
    return _refusal(PlatformError(message), timing.finish(500))


def gone(timing: Timing) -> Response:
    """For a client that has left: nobody reads it, but the host wants a response."""
    return Response(status_code=499, headers=timing.finish(499))
