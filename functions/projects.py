"""Projects, which are tenants: exported by administrators, erased by operators. Ours, not OpenAI's."""

from __future__ import annotations

import azure.functions as func

from functions.consumer import Delivery, consumer, poison_consumer
from functions.edge import Call, NoBody, endpoint
from shared import wire
from shared.wire.replies import Download

bp = func.Blueprint()

_PROJECT = "v1/organization/projects/{project_id}"
_EXPORT = _PROJECT + "/export"


@bp.route(_PROJECT, methods=["DELETE"])
@endpoint(scope="admin")
async def erase_project(call: Call[NoBody]) -> wire.erasure.ErasureObject:
    return await call.platform.erasing.ask(call.caller, call.path["project_id"])


@bp.route(_PROJECT + "/erasure", methods=["GET"])
@endpoint(scope="admin")
async def retrieve_project_erasure(call: Call[NoBody]) -> wire.erasure.ErasureObject:
    return await call.platform.erasing.look(call.caller, call.path["project_id"])


@bp.route(_EXPORT, methods=["POST"])
@endpoint(scope="admin")
async def export_project(call: Call[NoBody]) -> wire.exports.ExportObject:
    return await call.platform.exporting.ask(call.caller, call.path["project_id"])


@bp.route(_EXPORT, methods=["GET"])
@endpoint(scope="admin")
async def retrieve_project_export(call: Call[NoBody]) -> wire.exports.ExportObject:
    return await call.platform.exporting.look(call.caller, call.path["project_id"])


@bp.route(_EXPORT + "/content", methods=["GET"])
@endpoint(scope="admin")
async def download_project_export(call: Call[NoBody]) -> Download:
    return await call.platform.exporting.content(call.caller, call.path["project_id"])


@bp.queue_trigger(arg_name="msg", queue_name="exports", connection="AzureWebJobsStorage")
@consumer("exports", lambda body: wire.exports.parse_export(body))
async def continue_export(delivery: Delivery[wire.exports.ExportMessage]) -> None:
    """Writes for a while; another message goes on from there."""
    await delivery.platform.exporting.run(delivery.message)


@bp.queue_trigger(arg_name="msg", queue_name="exports-poison", connection="AzureWebJobsStorage")
@poison_consumer
async def on_exports_poison(delivery: Delivery[wire.messages.ParkedMessage]) -> None:
    await delivery.platform.exporting.give_up(delivery.message)


@bp.queue_trigger(arg_name="msg", queue_name="erasures", connection="AzureWebJobsStorage")
@consumer("erasures", lambda body: wire.erasure.parse_erase(body))
async def continue_erasure(delivery: Delivery[wire.erasure.EraseMessage]) -> None:
    """Erases for a while; another message goes on from there."""
    await delivery.platform.erasing.run(delivery.message)


@bp.queue_trigger(arg_name="msg", queue_name="erasures-poison", connection="AzureWebJobsStorage")
@poison_consumer
async def on_erasures_poison(delivery: Delivery[wire.messages.ParkedMessage]) -> None:
    await delivery.platform.erasing.give_up(delivery.message)
