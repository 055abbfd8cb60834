"""Telemetry as the settings want it."""

from pathlib import Path

from shared.adapters.otel import exporters, provider
from shared.settings.environment import ConfigurationError
from shared.settings.settings import Settings


def start() -> None:
    """Start it for the rest of the process. With a wrong setting it stays off: the platform says which."""
    try:
        settings = Settings.load()
    except ConfigurationError:
        return
    if settings.traces is not None:
        path = Path(settings.traces.removeprefix("file://"))
        provider.start(exporters.file(path), ratio=settings.trace_ratio, span_delay_s=0.2, metric_interval_s=1)
    elif settings.insights is not None:
        provider.start(exporters.azure_monitor(settings.insights, settings.client_id), ratio=settings.trace_ratio)
