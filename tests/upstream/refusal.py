"""Refusals as OpenAI and Azure write them: status, headers, body."""

import json
import time
from email.utils import formatdate
from typing import Any

from aiohttp import web

from tests.upstream.script import Step

_MESSAGES = {
    400: ("invalid_request_error", None, "The request is wrong."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", "forbidden", "This key may not use the model."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist."),
    408: ("server_error", "timeout", "The operation was timeout."),
    422: ("invalid_request_error", None, "The request cannot be processed."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached. Please try again later."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", "overloaded", "The engine is currently overloaded, please try again later."),
}
_CONTENT_FILTER: dict[str, Any] = {
    "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "type": None,
    "param": "prompt",
    "code": "content_filter",
    "status": 400,
    "innererror": {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {"violence": {"filtered": True, "severity": "medium"}},
    },
}
_CONTEXT_LENGTH: dict[str, Any] = {
    "message": "This model's maximum context length is 128 tokens. Please reduce the length of the messages.",
    "type": "invalid_request_error",
    "param": "messages",
    "code": "context_length_exceeded",
}
_NAMED = {"content_filter": _CONTENT_FILTER, "context_length_exceeded": _CONTEXT_LENGTH}


def refuses(step: Step) -> bool:
    return step.error is not None or step.status != 200


def refusal(step: Step) -> web.Response:
    status = 400 if step.error is not None and step.status == 200 else step.status
    error = dict(_NAMED[step.error]) if step.error is not None else _plain_error(status)
    if step.message is not None:
        error["message"] = step.message
    return web.Response(
        status=status,
        body=json.dumps({"error": error}).encode(),
        content_type="application/json",
        headers=_retry_after(step) | step.headers,
    )


def _plain_error(status: int) -> dict[str, Any]:
    kind, code, message = _MESSAGES.get(status, ("server_error", None, f"Scripted status {status}."))
    return {"message": message, "type": kind, "param": None, "code": code}


def _retry_after(step: Step) -> dict[str, str]:
    if step.retry_after_s is None:
        return {}
    if step.retry_after_form == "milliseconds":
        return {"retry-after-ms": f"{step.retry_after_s * 1000:g}"}
    if step.retry_after_form == "date":
        return {"Retry-After": formatdate(time.time() + step.retry_after_s, usegmt=True)}
    return {"Retry-After": f"{step.retry_after_s:g}"}
