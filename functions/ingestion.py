"""The `documents` queue: from an event about a blob to an index that agrees with it."""

import azure.functions as func

from functions.consumer import Delivery, consumer, poison_consumer
from shared.wire.messages import BlobMessage, DocumentMessage, ParkedMessage, parse_document_event

bp = func.Blueprint()


@bp.queue_trigger(arg_name="msg", queue_name="documents", connection="AzureWebJobsStorage")
@consumer("documents", parse_document_event)
async def index_document(delivery: Delivery[DocumentMessage | BlobMessage]) -> None:
    await delivery.platform.indexer.handle(delivery.message, delivery.id)


@bp.queue_trigger(arg_name="msg", queue_name="documents-poison", connection="AzureWebJobsStorage")
@poison_consumer
async def on_documents_poison(delivery: Delivery[ParkedMessage]) -> None:
    await delivery.platform.indexer.give_up(delivery.message, delivery.id)
