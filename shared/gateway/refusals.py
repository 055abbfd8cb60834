"""What a deployment's answer other than 200 means to our client."""

import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import OverloadedError, PlatformError, RateLimitError, UpstreamError, UpstreamRefusalError
from shared.ports.models import Deployment, UpstreamAnswer

_RELAYED = frozenset({400, 404, 409, 413, 415, 422})

CREDENTIALS = "upstream_credentials"
"""Code of the error when a deployment refuses our own key: no retry may hide what an operator must mend."""


class _Error(BaseModel):
    """The least that makes a body an error in OpenAI's shape."""

    model_config = ConfigDict(extra="allow")

    message: str


class _ErrorBody(BaseModel):
    model_config = ConfigDict(extra="allow")

    error: _Error


_SHAPELESS = (
    b'{"error": {"message": "The model refused the request.", "type": "invalid_request_error",'
    b' "param": null, "code": null}}'
)


async def refusal(answer: UpstreamAnswer, deployment: Deployment) -> PlatformError:
    """The error to raise for this answer.

    The client's own mistakes are relayed word for word. A refused key is ours to mend, so it is not told 401.
    """
    status = answer.status
    if status in _RELAYED:
        body = await answer.read()
        return UpstreamRefusalError(f"{deployment.id!r} refused.", upstream_status=status, body=_error_body(body))
    if status == RateLimitError.status:
        return RateLimitError(
            f"Deployment {deployment.id!r} is at its limit.", retry_after_s=retry_after_s(answer.headers)
        )
    if status in (401, 403):
        return UpstreamError(f"Deployment {deployment.id!r} refuses our credentials.", code=CREDENTIALS)
    return OverloadedError(
        f"Deployment {deployment.id!r} failed with status {status}.",
        code="model_unavailable",
        retry_after_s=retry_after_s(answer.headers),
    )


def _error_body(body: bytes) -> bytes:
    """The upstream's own error if it has OpenAI's shape, else one that has."""
    try:
        _ErrorBody.model_validate_json(body)
    except ValidationError:
        return _SHAPELESS
    return body


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """`retry-after-ms`, or Retry-After in seconds or as an HTTP date (RFC 9110, 10.2.3); None when none is readable."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        return max(0.0, float(headers["retry-after"]))
    except KeyError:
        return None
    except ValueError:
        return _seconds_until(headers["retry-after"]) if "retry-after" in headers else None


def _seconds_until(http_date: str) -> float | None:
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(http_date) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None
