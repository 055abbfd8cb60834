"""Everything the platform can refuse, named for what the caller should do next.

PlatformError
 + RequestError               fix the request; never retry
 |  - InvalidRequestError     400
 |  - ContextLengthError      400  context_length_exceeded
 |  - AuthenticationError     401
 |  - PermissionDeniedError   403  the key is known, but lacks a scope
 |  - NotFoundError           404
 |  - ModelNotFoundError      404  model_not_found
 |  - MethodNotAllowedError   405
 |  - ConflictError           409  it exists already, or it changed meanwhile
 |  - PreconditionFailedError 412  a store's If-Match did not hold: read again, decide again
 |  - TooLargeError           413
 |  - RangeError              416  no such bytes
 |  - UpstreamRefusalError    the model refused this very request; relayed as it came
 + CapacityError              wait, then retry the same request
 |  - RateLimitError          429
 |  - QuotaError             429  insufficient_quota: what was paid for is used up
 |  - OverloadedError         503
 |  - AmbiguousError          503  a write may or may not have happened: read again, or replay idempotently
 |  - NewerDataError          503  a later release wrote this: it waits for that release to come back
 + UpstreamError              a model deployment failed
 |  - UpstreamTimeoutError    504
 + DocumentError              this document can never be indexed as it is: a terminal state with a reason
 + PoisonMessageError         queue only: park it, do not retry
"""

from collections.abc import Mapping
from typing import ClassVar


class PlatformError(Exception):
    """Base of every error the platform raises on purpose.

    `code` and `param` follow OpenAI's error object; `retry_after_s` is what the caller should wait, in seconds.
    `headers` are for the answer that tells the client.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    default_code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.param = param
        self.code = code or self.default_code
        self.retry_after_s = retry_after_s
        self.headers: Mapping[str, str] = {}


class RequestError(PlatformError):
    """The request itself is wrong."""

    status = 400
    type = "invalid_request_error"
    default_code = "invalid_request"


class InvalidRequestError(RequestError):
    default_code = "invalid_value"


class ContextLengthError(RequestError):
    default_code = "context_length_exceeded"


class AuthenticationError(RequestError):
    status = 401
    default_code = "invalid_api_key"


class PermissionDeniedError(RequestError):
    """The caller is known, and may not do this."""

    status = 403
    default_code = "missing_scope"


class NotFoundError(RequestError):
    status = 404
    default_code = "not_found"


class ModelNotFoundError(NotFoundError):
    default_code = "model_not_found"


class MethodNotAllowedError(RequestError):
    status = 405
    default_code = "method_not_allowed"


class ConflictError(RequestError):
    status = 409
    default_code = "conflict"


class PreconditionFailedError(RequestError):
    status = 412
    default_code = "precondition_failed"


class TooLargeError(RequestError):
    status = 413
    default_code = "request_too_large"


class RangeError(RequestError):
    """A range of bytes that begins beyond the end. The answer says how many there are."""

    status = 416
    default_code = "invalid_range"

    def __init__(self, message: str, *, size_bytes: int) -> None:
        super().__init__(message, param="range")
        self.headers = {"content-range": f"bytes */{size_bytes}"}


class UpstreamRefusalError(RequestError):
    """A model deployment refused the client's own mistake; `status` and `body` are its answer, relayed as they came."""

    def __init__(self, message: str, *, upstream_status: int, body: bytes) -> None:
        super().__init__(message)
        self.upstream_status = upstream_status
        self.body = body


class CapacityError(PlatformError):
    """The platform is busy or the tenant has used up its share."""

    status = 503
    default_code = "overloaded"
    retryable = True


class RateLimitError(CapacityError):
    status = 429
    type = "rate_limit_error"
    default_code = "rate_limit_exceeded"


class QuotaError(RateLimitError):
    """What may be spent is spent: work waits, and a client's own retry is of no use."""

    type = "insufficient_quota"
    default_code = "insufficient_quota"


class OverloadedError(CapacityError):
    """Nothing that could serve this is up; `retry_after_s` says when to come back."""


class AmbiguousError(CapacityError):
    """A write may or may not have happened."""

    default_code = "ambiguous_write"


class NewerDataError(CapacityError):
    """What is stored here was written by a later release. Nothing has been changed; that release can read it."""

    default_code = "newer_data"


class UpstreamError(PlatformError):
    """A model deployment failed."""

    status = 502
    default_code = "upstream_error"
    retryable = True


class UpstreamTimeoutError(UpstreamError):
    status = 504
    default_code = "upstream_timeout"


class DocumentError(PlatformError):
    """A document that cannot be indexed as it is.

    `code` is one of OpenAI's `last_error.code` words: `unsupported_file`, `invalid_file`, `server_error`.
    """

    default_code = "invalid_file"


class PoisonMessageError(PlatformError):
    """A queue message that no retry can help."""

    default_code = "poison_message"
