"""What the API is, for programs and for people. It takes no key: it holds nothing that is secret or a tenant's."""

import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response

from functions.cors import shared_with
from functions.replies import Timing, render
from shared import reference
from shared.wire.replies import Relayed

bp = func.Blueprint()

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page runs nothing and loads nothing."""


@bp.route("v1/openapi.json", methods=["GET"])
async def get_openapi_document(req: Request) -> Response:
    return shared_with(req, render(Relayed(reference.document()), Timing.start("get_openapi_document")))


@bp.route("reference", methods=["GET"])
async def show_reference(req: Request) -> Response:
    headers = Timing.start("show_reference").finish(200) | {"content-security-policy": _POLICY}
    return shared_with(req, Response(reference.page(), 200, headers, media_type="text/html"))
