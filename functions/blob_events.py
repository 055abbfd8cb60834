"""Blob events from the host's own trigger. Its binding's import costs about 0.3 s: registered only when asked for."""

import azure.functions as func
from azurefunctions.extensions.bindings.blob import BlobClient

from shared import wire

bp = func.Blueprint()


@bp.blob_trigger(
    arg_name="blob", path="documents/{name}", connection="AzureWebJobsStorage", source=func.BlobSource.EVENT_GRID
)
@bp.queue_output(arg_name="documents", queue_name="documents", connection="AzureWebJobsStorage")
def on_blob_uploaded(blob: BlobClient, documents: func.Out[str]) -> None:
    """No content goes through the host: the message says where to look."""
    documents.set(wire.messages.BlobMessage(blob_name=str(blob.blob_name)).model_dump_json())
