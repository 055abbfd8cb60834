"""The models a client may name."""

from __future__ import annotations

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared import wire

bp = func.Blueprint()


@bp.route("v1/models", methods=["GET"])
@endpoint(scope="models")
async def list_models(call: Call[NoBody]) -> wire.models.ModelList:
    return call.platform.models.all()


@bp.route("openai/models", methods=["GET"])
@endpoint(scope="models")
async def list_models_azure(call: Call[NoBody]) -> wire.models.ModelList:
    return call.platform.models.all()


@bp.route("v1/models/{model}", methods=["GET"])
@endpoint(scope="models")
async def retrieve_model(call: Call[NoBody]) -> wire.models.ModelObject:
    return call.platform.models.get(call.path["model"])
