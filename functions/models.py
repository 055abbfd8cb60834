"""The models a client may name."""

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared.wire.models import ModelList, ModelObject

bp = func.Blueprint()


@bp.route("v1/models", methods=["GET"])
@endpoint(NoBody, scope="models")
async def list_models(call: Call[NoBody]) -> ModelList:
    return call.platform.models.all()


@bp.route("openai/models", methods=["GET"])
@endpoint(NoBody, scope="models")
async def list_models_azure(call: Call[NoBody]) -> ModelList:
    return call.platform.models.all()


@bp.route("v1/models/{model}", methods=["GET"])
@endpoint(NoBody, scope="models")
async def retrieve_model(call: Call[NoBody]) -> ModelObject:
    return call.platform.models.get(call.path["model"])
