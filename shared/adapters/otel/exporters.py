"""Where telemetry goes: Azure Monitor with the app's identity, or a file of JSON lines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from opentelemetry.sdk.metrics import Histogram
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ConsoleMetricExporter,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExporter, SpanExportResult


@dataclass(frozen=True, slots=True)
class Exporters:
    """How to make each of them, which may take long."""

    spans: Callable[[], SpanExporter]
    metrics: Callable[[], MetricExporter]


def azure_monitor(connection: str, client_id: str | None) -> Exporters:
    def spans() -> SpanExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter

        return AzureMonitorTraceExporter(connection_string=connection, credential=_credential(client_id))

    def metrics() -> MetricExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter

        return AzureMonitorMetricExporter(connection_string=connection, credential=_credential(client_id))

    return Exporters(spans, metrics)


def _credential(client_id: str | None) -> object:
    from azure.identity import DefaultAzureCredential

    return (
        DefaultAzureCredential() if client_id is None else DefaultAzureCredential(managed_identity_client_id=client_id)
    )


def file(path: Path) -> Exporters:
    """One JSON object a line, spans and metrics together, appended."""

    def spans() -> SpanExporter:
        return ConsoleSpanExporter(out=_lines(path), formatter=lambda span: f"{span.to_json(indent=None)}\n")

    def metrics() -> MetricExporter:
        return ConsoleMetricExporter(out=_lines(path), formatter=lambda data: f"{data.to_json(indent=None)}\n")

    return Exporters(spans, metrics)


def _lines(path: Path) -> TextIO:
    return path.open("a", encoding="utf-8")


class LateSpanExporter(SpanExporter):
    """Makes the real one when the first spans are to go out, in the thread that sends them."""

    def __init__(self, make: Callable[[], SpanExporter]) -> None:
        self._make = make
        self._made: SpanExporter | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._made = self._made or self._make()
        return self._made.export(spans)

    def shutdown(self) -> None:
        if self._made is not None:
            self._made.shutdown()


class LateMetricExporter(MetricExporter):
    """The same for metrics."""

    def __init__(self, make: Callable[[], MetricExporter]) -> None:
        # What Azure Monitor adds up: the SDK asks before there is an exporter to ask.
        super().__init__(preferred_temporality={Histogram: AggregationTemporality.DELTA})
        self._make = make
        self._made: MetricExporter | None = None

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **options: object
    ) -> MetricExportResult:
        self._made = self._made or self._make()
        return self._made.export(metrics_data, timeout_millis, **options)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._made is None or self._made.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **options: object) -> None:
        if self._made is not None:
            self._made.shutdown(timeout_millis, **options)
