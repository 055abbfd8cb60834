"""Files: upload, list, read, delete."""

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared.wire.files import FileForm, FileObject, FileQuery
from shared.wire.lists import Deleted, ListPage
from shared.wire.replies import Download

bp = func.Blueprint()


@bp.route("v1/files", methods=["POST"])
@endpoint(FileForm, scope="documents")
async def create_file(call: Call[FileForm]) -> FileObject:
    return await call.platform.files.create(call.caller, call.body)


@bp.route("v1/files", methods=["GET"])
@endpoint(FileQuery, scope="documents")
async def list_files(call: Call[FileQuery]) -> ListPage[FileObject]:
    return await call.platform.files.list(call.caller, call.body)


@bp.route("v1/files/{file_id}", methods=["GET"])
@endpoint(NoBody, scope="documents")
async def retrieve_file(call: Call[NoBody]) -> FileObject:
    return await call.platform.files.retrieve(call.caller, call.path["file_id"])


@bp.route("v1/files/{file_id}", methods=["DELETE"])
@endpoint(NoBody, scope="documents")
async def delete_file(call: Call[NoBody]) -> Deleted:
    return await call.platform.files.delete(call.caller, call.path["file_id"])


@bp.route("v1/files/{file_id}/content", methods=["GET"])
@endpoint(NoBody, scope="documents")
async def download_file(call: Call[NoBody]) -> Download:
    return await call.platform.files.content(call.caller, call.path["file_id"])
