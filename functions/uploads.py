"""Uploads: large files, which come in parts."""

from __future__ import annotations

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared import wire

bp = func.Blueprint()

_UPLOAD = "v1/uploads/{upload_id}"


@bp.route("v1/uploads", methods=["POST"])
@endpoint(scope="documents")
async def create_upload(call: Call[wire.files.UploadBody]) -> wire.files.UploadObject:
    return await call.platform.uploads.create(call.caller, call.body)


@bp.route(_UPLOAD + "/parts", methods=["POST"])
@endpoint(scope="documents")
async def add_upload_part(call: Call[wire.files.PartForm]) -> wire.files.UploadPart:
    return await call.platform.uploads.add(call.caller, call.path["upload_id"], call.body)


@bp.route(_UPLOAD + "/complete", methods=["POST"])
@endpoint(scope="documents")
async def complete_upload(call: Call[wire.files.CompletionBody]) -> wire.files.UploadObject:
    return await call.platform.uploads.complete(call.caller, call.path["upload_id"], call.body)


@bp.route(_UPLOAD + "/cancel", methods=["POST"])
@endpoint(scope="documents")
async def cancel_upload(call: Call[NoBody]) -> wire.files.UploadObject:
    return await call.platform.uploads.cancel(call.caller, call.path["upload_id"])
