"""Metrics. None of them has a tenant."""

from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.metrics import Histogram, Meter

from shared.tracing import names

TOKEN_BUCKETS = [4.0**n for n in range(14)]
SECOND_BUCKETS = [0.01 * 2**n for n in range(14)]
TOKEN_SECOND_BUCKETS = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5]
CHARGE_BUCKETS = [1.0, 2.5, 5.0, 7.5, 10.0, 15.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0]


@dataclass(frozen=True, slots=True)
class Measures:
    tokens: Histogram
    operation: Histogram
    request: Histogram
    first_token: Histogram
    output_token: Histogram
    charge: Histogram

    @classmethod
    def of(cls, meter: Meter) -> "Measures":
        def histogram(name: str, unit: str, buckets: list[float]) -> Histogram:
            return meter.create_histogram(name, unit, explicit_bucket_boundaries_advisory=buckets)

        return cls(
            tokens=histogram(names.TOKEN_USAGE, "{token}", TOKEN_BUCKETS),
            operation=histogram(names.OPERATION_DURATION, "s", SECOND_BUCKETS),
            request=histogram(names.REQUEST_DURATION, "s", SECOND_BUCKETS),
            first_token=histogram(names.TIME_TO_FIRST_TOKEN, "s", SECOND_BUCKETS),
            output_token=histogram(names.TIME_PER_OUTPUT_TOKEN, "s", TOKEN_SECOND_BUCKETS),
            charge=histogram(names.REQUEST_CHARGE, "{RU}", CHARGE_BUCKETS),
        )


@dataclass(frozen=True, slots=True)
class Generation:
    """One call of a model as metrics see it. Seconds; `first_token_s` of streams only."""

    input_tokens: int
    output_tokens: int
    duration_s: float
    first_token_s: float | None
    error: str | None


_measures: Measures | None = None


def measure(meter: Meter | None) -> None:
    """Record metrics with this meter from now on; None turns them off."""
    global _measures
    _measures = None if meter is None else Measures.of(meter)


def generation(seen: Generation, series: Mapping[str, str]) -> None:
    """An attempt counts for the client's metrics however it ended, for the server's when it answered."""
    if _measures is None:
        return
    named = dict(series)
    if seen.error is not None:
        _measures.operation.record(seen.duration_s, {**named, names.ERROR_TYPE: seen.error})
        return
    _measures.operation.record(seen.duration_s, named)
    _measures.request.record(seen.duration_s, named)
    _measures.tokens.record(seen.input_tokens, {**named, names.TOKEN_TYPE: "input"})
    if seen.output_tokens:
        _measures.tokens.record(seen.output_tokens, {**named, names.TOKEN_TYPE: "output"})
    if seen.first_token_s is not None:
        _measures.first_token.record(seen.first_token_s, named)
        if seen.output_tokens > 1:
            rest_s = max(0.0, seen.duration_s - seen.first_token_s)
            _measures.output_token.record(rest_s / (seen.output_tokens - 1), named)


def request_charge(units: float, *, operation: str, container: str) -> None:
    """What one operation cost in request units, over all its attempts."""
    if _measures is not None:
        _measures.charge.record(units, {names.STORE_OPERATION: operation, names.STORE_CONTAINER: container})
