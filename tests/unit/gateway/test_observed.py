"""One attempt as telemetry sees it, however it ended."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from shared.gateway.observed import Observed
from shared.ports.models import Deployment, Price
from shared.ports.usage import Consumption
from shared.tracing import measures, spans

DEPLOYMENT = Deployment("west", "https://west.example/openai/v1", "azure", "chat", None, Price())
USED = Consumption(
    status=200,
    input_tokens=7,
    output_tokens=5,
    cached_tokens=3,
    reasoning_tokens=2,
    estimated=False,
    ttft_ms=500,
)


@dataclass(frozen=True)
class Seen:
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def span(self) -> ReadableSpan:
        (span,) = self.exporter.get_finished_spans()
        return span

    def metrics(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        assert data is not None
        found = [m for one in data.resource_metrics for scope in one.scope_metrics for m in scope.metrics]
        return {metric.name: list(metric.data.data_points) for metric in found}


@pytest.fixture
def seen() -> Iterator[Seen]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([reader])
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    spans.record(tracers.get_tracer("test"))
    measures.measure(meters.get_meter("test"))
    yield Seen(exporter, reader)
    spans.record(None)
    measures.measure(None)
    tracers.shutdown()
    meters.shutdown()


def begin(*, stream: bool = True) -> Observed:
    return Observed.begin("completions", "gpt", DEPLOYMENT, tenant="acme", stream=stream)


def test_a_stream_is_told_by_its_first_event_and_those_in_which_a_choice_ends(seen: Seen) -> None:
    attempt = begin()
    chunk = b'data: {"id":"c1","model":"gpt-2026","choices":[{"index":0,"delta":%b,"finish_reason":%b}]}\n\n'
    attempt.streamed([chunk % (b'{"content":"a"}', b"null"), chunk % (b"{}", b'"length"'), b"data: [DONE]\n\n"])
    attempt.end(USED, duration_s=2.5)
    told = seen.span.attributes or {}
    assert seen.span.name == "chat gpt"
    assert told["gen_ai.response.id"] == "c1"
    assert told["gen_ai.response.model"] == "gpt-2026"
    assert told["gen_ai.response.finish_reasons"] == ("length",)
    assert told["gen_ai.response.time_to_first_chunk"] == 0.5
    assert told["gen_ai.usage.cache_read.input_tokens"] == 3
    assert told["gen_ai.usage.reasoning.output_tokens"] == 2
    (per_token,) = seen.metrics()["gen_ai.server.time_per_output_token"]
    assert per_token.sum == pytest.approx((2.5 - 0.5) / 4)


def test_an_attempt_that_failed_counts_as_one_and_used_nothing(seen: Seen) -> None:
    begin().end(replace(USED, status=429, ttft_ms=None), duration_s=0.1)
    assert seen.span.status.status_code is StatusCode.ERROR
    assert (seen.span.attributes or {})["error.type"] == "429"
    assert seen.metrics().keys() == {"gen_ai.client.operation.duration"}
    (point,) = seen.metrics()["gen_ai.client.operation.duration"]
    assert point.attributes["error.type"] == "429"
    assert point.attributes["gen_ai.provider.name"] == "azure.ai.openai"


@pytest.mark.parametrize("answer", [b"", b"[]", b"no json", b'{"id": 7}'])
def test_an_answer_that_says_nothing_readable_leaves_its_attributes_out(seen: Seen, answer: bytes) -> None:
    attempt = begin(stream=False)
    attempt.answered(answer)
    attempt.end(USED, duration_s=1)
    assert "gen_ai.response.id" not in (seen.span.attributes or {})


def test_without_telemetry_an_attempt_costs_no_reading() -> None:
    attempt = begin()
    attempt.streamed([b"never read"])
    attempt.end(USED, duration_s=1)
    assert not attempt.span.is_recording()
