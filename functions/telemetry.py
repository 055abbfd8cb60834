"""What was used: from the queue into the ledger, and out of it through OpenAI's usage API."""

from __future__ import annotations

import logging

import azure.functions as func

from functions.consumer import Delivery, consumer, poison_consumer
from functions.edge import Call, endpoint
from shared import wire, wiring

bp = func.Blueprint()
log = logging.getLogger(__name__)


@bp.queue_trigger(arg_name="msg", queue_name="usage", connection="AzureWebJobsStorage")
@consumer("usage", lambda body: wire.usage.parse_usage(body))
async def record_usage(delivery: Delivery[wire.usage.UsageMessage]) -> None:
    """A message that comes again is counted once."""
    await delivery.platform.recorder.record(delivery.message)


@bp.queue_trigger(arg_name="msg", queue_name="usage-poison", connection="AzureWebJobsStorage")
@poison_consumer
async def on_usage_poison(delivery: Delivery[wire.messages.ParkedMessage]) -> None:
    """Keeps the message for an operator to put back; nothing that was used is dropped."""
    await delivery.platform.recorder.keep(delivery.message)


@bp.timer_trigger(arg_name="timer", schedule="0 41 3 * * *")
async def reconcile_usage(timer: func.TimerRequest) -> None:
    """Compares the ledger's sums with its events, for minutes at most; the next run goes on from there."""
    log.info("comparing the ledger past_due=%s", timer.past_due)
    await (await wiring.platform()).reconciler.run()


@bp.route("v1/organization/usage/completions", methods=["GET"])
@endpoint(scope="usage")
async def get_completions_usage(
    call: Call[wire.usage.UsageQuery],
) -> wire.usage.UsagePage[wire.usage.CompletionsResult]:
    return await call.platform.usage.completions(call.caller.tenant, call.body)


@bp.route("v1/organization/usage/embeddings", methods=["GET"])
@endpoint(scope="usage")
async def get_embeddings_usage(
    call: Call[wire.usage.UsageQuery],
) -> wire.usage.UsagePage[wire.usage.EmbeddingsResult]:
    return await call.platform.usage.embeddings(call.caller.tenant, call.body)


@bp.route("v1/organization/costs", methods=["GET"])
@endpoint(scope="usage")
async def get_costs(call: Call[wire.usage.CostsQuery]) -> wire.usage.UsagePage[wire.usage.CostsResult]:
    return await call.platform.costs.costs(call.caller.tenant, call.body)
