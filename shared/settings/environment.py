"""What must be known before the settings are read: their names, and the few that decide what is registered.

Imported at every cold start, so it knows no pydantic.
"""

import os
from collections.abc import Mapping

PREFIX = "FLIGHTDECK_"
STORAGE = "AzureWebJobsStorage"
"""The host's own connection, which is ours too."""

OF_CLIENTS = frozenset({PREFIX + "URL", PREFIX + "API_KEY"})
"""What the command line reads, and a shell that starts local mode may have set: no settings."""

RECONCILE_SCHEDULE = "0 17 * * * *"


class ConfigurationError(Exception):
    """A setting is missing, unknown or wrong. The message names it."""


def blob_trigger_enabled(environ: Mapping[str, str] | None = None) -> bool:
    """Whether function_app registers the blob trigger; read alone, since indexing must not need the other settings."""
    environ = os.environ if environ is None else environ
    return environ.get(PREFIX + "BLOB_TRIGGER", "true").lower() not in ("false", "0")


def reconcile_schedule(environ: Mapping[str, str] | None = None) -> str:
    """When function_app has documents compared with blobs; read alone, as above."""
    environ = os.environ if environ is None else environ
    return environ.get(PREFIX + "RECONCILE_SCHEDULE", RECONCILE_SCHEDULE)


def telemetry_wanted(environ: Mapping[str, str] | None = None) -> bool:
    """Whether anything is to be recorded; read alone, since spans begin before the other settings are needed."""
    environ = os.environ if environ is None else environ
    return any(environ.get(name) for name in (PREFIX + "TRACES", "APPLICATIONINSIGHTS_CONNECTION_STRING"))


def cors_origins(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Which pages in browsers may call the API; read alone, since answers carry it when other settings are wrong."""
    environ = os.environ if environ is None else environ
    return tuple(environ.get(PREFIX + "CORS_ORIGINS", "").replace(",", " ").split())


def migration_wanted(environ: Mapping[str, str] | None = None) -> bool:
    """Whether function_app registers the timer that changes the embedding model; read alone, as above."""
    environ = os.environ if environ is None else environ
    return bool(environ.get(PREFIX + "EMBEDDING_MODEL_NEXT"))
