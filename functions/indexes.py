"""Which embedding model's index answers searches, for operators. Ours, not OpenAI's."""

from __future__ import annotations

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared import wire

bp = func.Blueprint()


@bp.route("v1/organization/embedding_model", methods=["GET"])
@endpoint(scope="operator")
async def retrieve_embedding_model(call: Call[NoBody]) -> wire.embedding_models.EmbeddingModelObject:
    """Which model's vectors answer searches, and how far a change to the next is."""
    return await call.platform.embedding_change.standing()
