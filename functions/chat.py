"""Chat completions, at OpenAI's path and at AzureOpenAI's, and those that are stored."""

from __future__ import annotations

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared import wire
from shared.wire.replies import Relayed, Streamed

bp = func.Blueprint()

_COMPLETION = "v1/chat/completions/{completion_id}"


@bp.route("v1/chat/completions", methods=["POST"])
@endpoint(scope="models")
async def create_chat_completion(call: Call[wire.chat.ChatEnvelope]) -> Relayed | Streamed:
    return await call.platform.chat.complete(call.caller, call.body, call.raw, wire.cache.wish_of(call.headers))


@bp.route("openai/deployments/{model}/chat/completions", methods=["POST"])
@endpoint(scope="models")
async def create_chat_completion_azure(
    call: Call[wire.chat.ChatEnvelope],
) -> Relayed | Streamed:
    envelope = call.body.model_copy(update={"model": call.path["model"]})
    return await call.platform.chat.complete(call.caller, envelope, call.raw, wire.cache.wish_of(call.headers))


@bp.route("v1/chat/completions", methods=["GET"])
@endpoint(scope="models")
async def list_chat_completions(
    call: Call[wire.completions.CompletionsQuery],
) -> wire.lists.ListPage[wire.completions.StoredCompletion]:
    return await call.platform.completions.list(call.caller, call.body)


@bp.route(_COMPLETION, methods=["GET"])
@endpoint(scope="models")
async def get_chat_completion(call: Call[NoBody]) -> wire.completions.StoredCompletion:
    return await call.platform.completions.retrieve(call.caller, call.path["completion_id"])


@bp.route(_COMPLETION, methods=["POST"])
@endpoint(scope="models")
async def update_chat_completion(call: Call[wire.completions.CompletionChanges]) -> wire.completions.StoredCompletion:
    return await call.platform.completions.update(call.caller, call.path["completion_id"], call.body)


@bp.route(_COMPLETION, methods=["DELETE"])
@endpoint(scope="models")
async def delete_chat_completion(call: Call[NoBody]) -> wire.lists.Deleted:
    return await call.platform.completions.delete(call.caller, call.path["completion_id"])


@bp.route(_COMPLETION + "/messages", methods=["GET"])
@endpoint(scope="models")
async def get_chat_completion_messages(
    call: Call[wire.completions.MessagesQuery],
) -> wire.lists.ListPage[wire.completions.StoredMessage]:
    return await call.platform.completions.messages(call.caller, call.path["completion_id"], call.body)
