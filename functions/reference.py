"""What the API is, for programs and for people. It takes no key: it holds nothing that is secret or a tenant's."""

import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response

from functions.cors import shared_with
from functions.replies import Timing, render
from shared import reference
from shared.wire.replies import Relayed

bp = func.Blueprint()


@bp.route("v1/openapi.json", methods=["GET"])
async def get_openapi_document(req: Request) -> Response:
    return shared_with(req, render(Relayed(reference.document()), Timing.start("get_openapi_document")))
