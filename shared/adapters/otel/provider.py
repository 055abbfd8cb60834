"""The SDK behind `shared.tracing`: a tracer and a meter whose exporters are made in their own threads.

The provider stands before the first span, so that those of a cold start are kept: at most `QUEUE` of them until the
exporter is there. Making Azure Monitor's takes half a second, and waits until the first export is due.
Both are ours alone, not OpenTelemetry's global ones: what SDKs and web frameworks would record by themselves stays out.
"""

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from shared.adapters.otel.exporters import Exporters, LateMetricExporter, LateSpanExporter
from shared.tracing import logs, measures, spans

QUEUE = 2048
_SCOPE = "flightdeck"


def start(exporters: Exporters, *, ratio: float, span_delay_s: float = 5, metric_interval_s: float = 60) -> None:
    """Record from now on; of the traces that begin with us this share, of others what their caller decided.

    What is still waiting when the process ends is sent then.
    """
    resource = Resource.create({"service.name": _SCOPE})
    tracers = TracerProvider(
        sampler=ParentBasedTraceIdRatio(ratio),
        resource=resource,
        shutdown_on_exit=True,
        span_limits=SpanLimits(max_attribute_length=1024),
    )
    tracers.add_span_processor(
        BatchSpanProcessor(
            LateSpanExporter(exporters.spans), max_queue_size=QUEUE, schedule_delay_millis=span_delay_s * 1000
        )
    )
    reader = PeriodicExportingMetricReader(
        LateMetricExporter(exporters.metrics), export_interval_millis=metric_interval_s * 1000
    )
    meters = MeterProvider([reader], resource=resource)
    spans.record(tracers.get_tracer(_SCOPE))
    measures.measure(meters.get_meter(_SCOPE))
    logs.carry_trace_ids()
