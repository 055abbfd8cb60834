"""The function app: every trigger the platform owns, and nothing else.

Importing this module reads no settings but a few, each alone, and opens no connection; the first call does.
"""

import azure.functions as func

from functions import (
    chat,
    conversations,
    embeddings,
    files,
    health,
    indexes,
    ingestion,
    keys,
    mcp,
    models,
    policies,
    projects,
    reference,
    responses,
    telemetry,
    uploads,
    vector_stores,
)
from shared import wiring

app = health.App(http_auth_level=func.AuthLevel.ANONYMOUS)
for area in (
    chat,
    conversations,
    responses,
    embeddings,
    models,
    files,
    uploads,
    vector_stores,
    mcp,
    ingestion,
    telemetry,
    keys,
    policies,
    indexes,
    reference,
    projects,
    health,
):
    app.register_functions(area.bp)
if wiring.blob_trigger_enabled():
    # Its binding's import costs every instance about 0.3 s; Event Grid's delivery to the queue covers it.
    from functions import blob_events

    app.register_functions(blob_events.bp)
if wiring.migration_wanted():
    from functions import migration

    app.register_functions(migration.bp)
app.register_functions(health.catch_all(app))
