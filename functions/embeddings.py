"""Embeddings, at OpenAI's path and at AzureOpenAI's."""

import azure.functions as func

from functions.edge import Call, endpoint
from shared.wire.embeddings import EmbeddingEnvelope
from shared.wire.replies import Relayed

bp = func.Blueprint()


@bp.route("v1/embeddings", methods=["POST"])
@endpoint(EmbeddingEnvelope, scope="models")
async def create_embedding(call: Call[EmbeddingEnvelope]) -> Relayed:
    return await call.platform.embeddings.create(call.caller, call.body, call.raw)


@bp.route("openai/deployments/{model}/embeddings", methods=["POST"])
@endpoint(EmbeddingEnvelope, scope="models")
async def create_embedding_azure(call: Call[EmbeddingEnvelope]) -> Relayed:
    envelope = call.body.model_copy(update={"model": call.path["model"]})
    return await call.platform.embeddings.create(call.caller, envelope, call.raw)
