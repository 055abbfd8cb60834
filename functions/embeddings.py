"""Embeddings, at OpenAI's path and at AzureOpenAI's."""

from __future__ import annotations

import azure.functions as func

from functions.edge import Call, endpoint
from shared import wire
from shared.wire.replies import Relayed

bp = func.Blueprint()


@bp.route("v1/embeddings", methods=["POST"])
@endpoint(scope="models")
async def create_embedding(call: Call[wire.embeddings.EmbeddingEnvelope]) -> Relayed:
    return await call.platform.embeddings.create(call.caller, call.body, call.raw)


@bp.route("openai/deployments/{model}/embeddings", methods=["POST"])
@endpoint(scope="models")
async def create_embedding_azure(call: Call[wire.embeddings.EmbeddingEnvelope]) -> Relayed:
    envelope = call.body.model_copy(update={"model": call.path["model"]})
    return await call.platform.embeddings.create(call.caller, envelope, call.raw)
