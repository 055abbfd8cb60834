"""Files: upload, list, read, delete."""

from __future__ import annotations

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared import wire
from shared.wire.replies import Download

bp = func.Blueprint()


@bp.route("v1/files", methods=["POST"])
@endpoint(scope="documents")
async def create_file(call: Call[wire.files.FileForm]) -> wire.files.FileObject:
    return await call.platform.files.create(call.caller, call.body)


@bp.route("v1/files", methods=["GET"])
@endpoint(scope="documents")
async def list_files(call: Call[wire.files.FileQuery]) -> wire.lists.ListPage[wire.files.FileObject]:
    return await call.platform.files.list(call.caller, call.body)


@bp.route("v1/files/{file_id}", methods=["GET"])
@endpoint(scope="documents")
async def retrieve_file(call: Call[NoBody]) -> wire.files.FileObject:
    return await call.platform.files.retrieve(call.caller, call.path["file_id"])


@bp.route("v1/files/{file_id}", methods=["DELETE"])
@endpoint(scope="documents")
async def delete_file(call: Call[NoBody]) -> wire.lists.Deleted:
    return await call.platform.files.delete(call.caller, call.path["file_id"])


@bp.route("v1/files/{file_id}/content", methods=["GET"])
@endpoint(scope="documents")
async def download_file(call: Call[NoBody]) -> Download:
    return await call.platform.files.content(call.caller, call.path["file_id"], call.headers)
