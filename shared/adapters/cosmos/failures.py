"""Cosmos DB's failures: which may be tried again, which leave a doubt, and all of them in the platform's words."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.errors import AmbiguousError, CapacityError, OverloadedError, PlatformError, RateLimitError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from azure.core.exceptions import AzureError
    from azure.cosmos.exceptions import CosmosBatchOperationError

NOT_FOUND, CONFLICT, PRECONDITION, TIMEOUT, TOO_LARGE = 404, 409, 412, 408, 413
THROTTLED, RETRY_WITH, GONE, UNAVAILABLE = 429, 449, 410, 503
LOST = 0
"""No answer came, though the request may have."""

_DENIED = (401, 403)
_DOUBTFUL = frozenset({LOST, TIMEOUT, UNAVAILABLE})
_PASSING = frozenset({LOST, TIMEOUT, RETRY_WITH, GONE, UNAVAILABLE})
_VERDICTS = frozenset({NOT_FOUND, CONFLICT, PRECONDITION})
_FAILED_DEPENDENCY = 424
_COME_BACK_S = 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed. `index` is the operation of a batch that did; `retry_after_s` is the service's wish."""

    status: int
    index: int | None = None
    retry_after_s: float | None = None
    charge: float = 0.0
    cause: "AzureError | None" = None

    @property
    def passing(self) -> bool:
        """Worth another attempt. A 429 to a whole request is not: the SDK has waited it out as long as it may."""
        return self.status in _PASSING or (self.status == THROTTLED and self.index is not None)

    @property
    def verdict(self) -> bool:
        """The request was understood, and refused for what stands in the store."""
        return self.status in _VERDICTS

    @property
    def doubtful(self) -> bool:
        """What was to be written may have been."""
        return self.status in _DOUBTFUL


class RejectedError(Exception):
    """The service's verdict on a request: 404, 409 or 412, at one operation of a batch.

    `doubtful` tells that an earlier attempt got no clear answer, so what stands in the way may be our own work.
    """

    def __init__(self, failure: Failure, *, doubtful: bool) -> None:
        super().__init__(f"Status {failure.status} at operation {failure.index}.")
        self.status = failure.status
        self.index = failure.index or 0
        self.doubtful = doubtful
        self.charge = failure.charge

    def at(self, index: int, *statuses: int) -> bool:
        return self.index == index and self.status in statuses


def read_failure(error: "AzureError") -> Failure:
    from azure.core.exceptions import HttpResponseError
    from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosClientTimeoutError

    if isinstance(error, CosmosBatchOperationError):
        return replace(_of_batch(error), cause=error)
    if isinstance(error, HttpResponseError) and error.status_code:
        headers: Mapping[str, str] = getattr(error, "headers", None) or {}
        return Failure(error.status_code, None, _wait_s(headers), charge(headers), error)
    return Failure(TIMEOUT if isinstance(error, CosmosClientTimeoutError) else LOST, cause=error)


def _of_batch(error: "CosmosBatchOperationError") -> Failure:
    """The operation that failed by itself; the others failed with it (424)."""
    headers: Mapping[str, str] = getattr(error, "headers", {})
    responses: Sequence[Mapping[str, object]] = getattr(error, "operation_responses", ())
    for index, response in enumerate(responses):
        status = int(str(response["statusCode"]))
        if status >= 400 and status != _FAILED_DEPENDENCY:
            wait = response.get("retryAfterMilliseconds")
            return Failure(status, index, None if wait is None else float(str(wait)) / 1000, charge(headers))
    return Failure(LOST)


def charge(headers: "Mapping[str, str]") -> float:
    return float(headers.get("x-ms-request-charge") or 0)


def _wait_s(headers: "Mapping[str, str]") -> float | None:
    wait = headers.get("x-ms-retry-after-ms")
    return None if wait is None else float(wait) / 1000


def translated(failure: Failure, container: str, *, doubtful: bool) -> PlatformError:
    """What the caller is told once nothing more is tried."""
    if doubtful:
        return AmbiguousError(
            f"The store's container {container!r} did not say whether it wrote.", retry_after_s=_COME_BACK_S
        )
    if failure.status == THROTTLED:
        wait_s = _COME_BACK_S if failure.retry_after_s is None else failure.retry_after_s
        return RateLimitError(f"The store's container {container!r} is at its throughput.", retry_after_s=wait_s)
    if failure.status in _DENIED:
        return PlatformError(f"The store refuses our identity in {container!r}.", code="store_access_denied")
    if failure.status == TOO_LARGE:
        return TooLargeError(f"An item or a batch is too large for container {container!r}.")
    if failure.passing or failure.status >= 500:
        return OverloadedError(f"The store's container {container!r} is not available.", retry_after_s=_COME_BACK_S)
    return PlatformError(f"The store's container {container!r} answered {failure.status} to what it should know.")


def missing(container: str) -> PlatformError:
    return PlatformError(f"The store has no container {container!r}: deploy it first.", code="store_not_deployed")


def no_token() -> CapacityError:
    return CapacityError("No token for the Cosmos DB account could be had.", retry_after_s=5)
