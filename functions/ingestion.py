"""The `documents` queue: from an event about a blob to an index that agrees with it."""

from __future__ import annotations

import logging

import azure.functions as func

from functions.consumer import Delivery, consumer, poison_consumer
from shared import wire, wiring

bp = func.Blueprint()
log = logging.getLogger(__name__)


@bp.queue_trigger(arg_name="msg", queue_name="documents", connection="AzureWebJobsStorage")
@consumer("documents", lambda body: wire.messages.parse_document_event(body))
async def index_document(delivery: Delivery[wire.messages.DocumentMessage | wire.messages.BlobMessage]) -> None:
    await delivery.platform.indexer.handle(delivery.message, delivery.id)


@bp.queue_trigger(arg_name="msg", queue_name="document-parts", connection="AzureWebJobsStorage")
@consumer("document-parts", lambda body: wire.messages.parse_document_part(body))
async def index_document_part(delivery: Delivery[wire.messages.DocumentPartMessage]) -> None:
    await delivery.platform.parts.handle(delivery.message, delivery.id)


@bp.queue_trigger(arg_name="msg", queue_name="document-parts-poison", connection="AzureWebJobsStorage")
@poison_consumer
async def on_document_parts_poison(delivery: Delivery[wire.messages.ParkedMessage]) -> None:
    await delivery.platform.parts.give_up(delivery.message, delivery.id)


@bp.queue_trigger(arg_name="msg", queue_name="documents-poison", connection="AzureWebJobsStorage")
@poison_consumer
async def on_documents_poison(delivery: Delivery[wire.messages.ParkedMessage]) -> None:
    await delivery.platform.indexer.give_up(delivery.message, delivery.id)


@bp.timer_trigger(arg_name="timer", schedule=wiring.reconcile_schedule())
async def reconcile_documents(timer: func.TimerRequest) -> None:
    """Finds what events missed, for a minute at most; the next run goes on from there."""
    log.info("going round past_due=%s", timer.past_due)
    await (await wiring.platform()).rounds.run()
