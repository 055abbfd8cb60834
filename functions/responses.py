"""Responses, at OpenAI's paths and at AzureOpenAI's; and the queue of those whose clients do not wait."""

from __future__ import annotations

import azure.functions as func

from functions.consumer import Delivery, consumer, poison_consumer
from functions.edge import Call, NoBody, endpoint
from shared import wire
from shared.wire.replies import Relayed, Streamed

bp = func.Blueprint()

_RESPONSE = "v1/responses/{response_id}"
_RESPONSE_AZURE = "openai/responses/{response_id}"


@bp.route("v1/responses", methods=["POST"])
@endpoint(scope="models")
async def create_response(
    call: Call[wire.responses.ResponseBody],
) -> wire.responses.ResponseObject | Relayed | Streamed:
    return await call.platform.responses.create(call.caller, call.body, wire.cache.wish_of(call.headers))


@bp.route(_RESPONSE, methods=["GET"])
@endpoint(scope="models")
async def get_response(call: Call[wire.responses.ResponseQuery]) -> wire.responses.ResponseObject | Streamed:
    return await call.platform.responses.retrieve(call.caller, call.path["response_id"], call.body)


@bp.route(_RESPONSE, methods=["DELETE"])
@endpoint(scope="models")
async def delete_response(call: Call[NoBody]) -> wire.lists.Deleted:
    return await call.platform.responses.delete(call.caller, call.path["response_id"])


@bp.route(_RESPONSE + "/cancel", methods=["POST"])
@endpoint(scope="models")
async def cancel_response(call: Call[NoBody]) -> wire.responses.ResponseObject:
    return await call.platform.responses.cancel(call.caller, call.path["response_id"])


@bp.route(_RESPONSE + "/input_items", methods=["GET"])
@endpoint(scope="models")
async def list_input_items(call: Call[wire.lists.ListQuery]) -> wire.responses.InputItemPage:
    return await call.platform.responses.input_items(call.caller, call.path["response_id"], call.body)


@bp.route("openai/responses", methods=["POST"])
@endpoint(scope="models")
async def create_response_azure(
    call: Call[wire.responses.ResponseBody],
) -> wire.responses.ResponseObject | Relayed | Streamed:
    return await call.platform.responses.create(call.caller, call.body, wire.cache.wish_of(call.headers))


@bp.route(_RESPONSE_AZURE, methods=["GET"])
@endpoint(scope="models")
async def get_response_azure(call: Call[wire.responses.ResponseQuery]) -> wire.responses.ResponseObject | Streamed:
    return await call.platform.responses.retrieve(call.caller, call.path["response_id"], call.body)


@bp.route(_RESPONSE_AZURE, methods=["DELETE"])
@endpoint(scope="models")
async def delete_response_azure(call: Call[NoBody]) -> wire.lists.Deleted:
    return await call.platform.responses.delete(call.caller, call.path["response_id"])


@bp.route(_RESPONSE_AZURE + "/cancel", methods=["POST"])
@endpoint(scope="models")
async def cancel_response_azure(call: Call[NoBody]) -> wire.responses.ResponseObject:
    return await call.platform.responses.cancel(call.caller, call.path["response_id"])


@bp.route(_RESPONSE_AZURE + "/input_items", methods=["GET"])
@endpoint(scope="models")
async def list_input_items_azure(call: Call[wire.lists.ListQuery]) -> wire.responses.InputItemPage:
    return await call.platform.responses.input_items(call.caller, call.path["response_id"], call.body)


@bp.queue_trigger(arg_name="msg", queue_name="responses", connection="AzureWebJobsStorage")
@consumer("responses", lambda body: wire.messages.parse_response(body))
async def make_response(delivery: Delivery[wire.messages.ResponseMessage]) -> None:
    await delivery.platform.background.handle(delivery.message, delivery.id)


@bp.queue_trigger(arg_name="msg", queue_name="responses-poison", connection="AzureWebJobsStorage")
@poison_consumer
async def on_responses_poison(delivery: Delivery[wire.messages.ParkedMessage]) -> None:
    await delivery.platform.background.give_up(delivery.message, delivery.id)
