"""Chat completions, at OpenAI's path and at AzureOpenAI's."""

from __future__ import annotations

import azure.functions as func

from functions.edge import Call, endpoint
from shared import wire
from shared.wire.replies import Relayed, Streamed

bp = func.Blueprint()


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
