"""Spans with the SDK behind them and without."""

import logging
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import INVALID_SPAN, SpanKind, StatusCode

from shared.tracing import logs, spans
from shared.wire.messages import DocumentMessage, parse_document_event, traceparent_of

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
MESSAGE = {"tenant": "acme", "store_id": "vs_1", "file_id": "file_1"}


@pytest.fixture
def ended() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.record(provider.get_tracer("test"))
    yield exporter
    spans.record(None)
    provider.shutdown()


def test_without_telemetry_a_span_is_nothing_and_a_message_is_as_it_was() -> None:
    with spans.span("work", parent=CALLER) as span:
        spans.note({"found": 1})
        assert span is INVALID_SPAN
        assert spans.traceparent() is None
        assert b"traceparent" not in DocumentMessage(**MESSAGE).model_dump_json().encode()


def test_a_message_carries_the_span_that_made_it(ended: InMemorySpanExporter) -> None:
    with spans.span("attach", parent=CALLER) as span:
        body = DocumentMessage(**MESSAGE).model_dump_json().encode()
    carried = traceparent_of(body)
    assert carried is not None
    assert carried.startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert f"{span.get_span_context().span_id:016x}" in carried


def test_a_message_of_an_older_release_has_no_trace(ended: InMemorySpanExporter) -> None:
    old = b'{"version":1,"deferrals":2,"kind":"document","tenant":"acme","store_id":"vs_1","file_id":"file_1"}'
    assert parse_document_event(old).traceparent is None
    assert traceparent_of(old) is None


@pytest.mark.parametrize("body", [b"", b"[]", b'{"traceparent": 7}', b'{"kind": "parked", "body": "no json"}'])
def test_what_carries_no_trace_says_so(body: bytes) -> None:
    assert traceparent_of(body) is None


def test_a_parked_message_keeps_the_trace_of_what_it_holds() -> None:
    inner = f'{{"traceparent": "{CALLER}"}}'
    assert traceparent_of(b'{"kind": "parked", "body": "%s"}' % inner.replace('"', '\\"').encode()) == CALLER


def test_a_failure_is_told_by_its_type_and_not_by_its_text(ended: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="the prompt"), spans.span("work"):
        raise ValueError("the prompt")
    (span,) = ended.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "the prompt" not in span.to_json()
    assert (span.attributes or {})["error.type"] == "ValueError"


@pytest.mark.parametrize(
    ("status", "expected"), [(200, StatusCode.UNSET), (404, StatusCode.UNSET), (503, StatusCode.ERROR)]
)
def test_only_the_servers_own_failures_are_failures(
    ended: InMemorySpanExporter, status: int, expected: StatusCode
) -> None:
    with spans.served("ask", method="GET", traceparent=None) as span:
        spans.answer(span, status)
    assert ended.get_finished_spans()[0].status.status_code is expected


def test_where_the_host_records_the_request_itself_ours_is_inside_of_its_span(ended: InMemorySpanExporter) -> None:
    with spans.span("host") as host, spans.served("ask", method="GET", traceparent=CALLER):
        pass
    served = ended.get_finished_spans()[0]
    assert served.parent is not None
    assert served.parent.span_id == host.get_span_context().span_id
    assert served.kind is SpanKind.INTERNAL


def test_a_delivery_is_in_the_trace_of_its_message_and_linked_to_the_hosts(ended: InMemorySpanExporter) -> None:
    asked = {"queue": "documents", "message_id": "1", "attempt": 2, "traceparent": CALLER}
    with spans.span("host") as host, spans.consumed("process documents", **asked):
        pass
    delivery = ended.get_finished_spans()[0]
    assert delivery.parent is not None
    assert f"{delivery.parent.span_id:016x}" in CALLER
    assert [link.context for link in delivery.links] == [host.get_span_context()]
    assert (delivery.attributes or {})["messaging.delivery.attempt"] == 2


def test_a_log_line_of_ours_ends_in_the_ids_of_its_span(
    ended: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    before = logging.getLogRecordFactory()
    try:
        logs.carry_trace_ids()
        logs.carry_trace_ids()
        with spans.span("work") as span:
            logging.getLogger("shared.metering").warning("late by=%s", "1 %s")
            logging.getLogger("azure.core").warning("theirs")
        logging.getLogger("shared.metering").warning("alone")
    finally:
        logging.setLogRecordFactory(before)
    ids = span.get_span_context()
    assert [record.getMessage() for record in caplog.records] == [
        f"late by=1 %s trace_id={ids.trace_id:032x} span_id={ids.span_id:016x}",
        "theirs",
        "alone",
    ]
