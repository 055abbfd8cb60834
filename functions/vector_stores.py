"""Vector stores, the files in them, and the search over them."""

from __future__ import annotations

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared import wire

bp = func.Blueprint()

_STORE = "v1/vector_stores/{vector_store_id}"
_FILE = _STORE + "/files/{file_id}"
_BATCH = _STORE + "/file_batches/{batch_id}"


@bp.route("v1/vector_stores", methods=["POST"])
@endpoint(scope="documents")
async def create_vector_store(call: Call[wire.vector_stores.VectorStoreBody]) -> wire.vector_stores.VectorStoreObject:
    return await call.platform.vector_stores.create(call.caller, call.body)


@bp.route("v1/vector_stores", methods=["GET"])
@endpoint(scope="documents")
async def list_vector_stores(
    call: Call[wire.lists.ListQuery],
) -> wire.lists.ListPage[wire.vector_stores.VectorStoreObject]:
    return await call.platform.vector_stores.list(call.caller, call.body)


@bp.route(_STORE, methods=["GET"])
@endpoint(scope="documents")
async def get_vector_store(call: Call[NoBody]) -> wire.vector_stores.VectorStoreObject:
    return await call.platform.vector_stores.retrieve(call.caller, call.path["vector_store_id"])


@bp.route(_STORE, methods=["POST"])
@endpoint(scope="documents")
async def modify_vector_store(
    call: Call[wire.vector_stores.VectorStoreChanges],
) -> wire.vector_stores.VectorStoreObject:
    return await call.platform.vector_stores.update(call.caller, call.path["vector_store_id"], call.body)


@bp.route(_STORE, methods=["DELETE"])
@endpoint(scope="documents")
async def delete_vector_store(call: Call[NoBody]) -> wire.lists.Deleted:
    return await call.platform.vector_stores.delete(call.caller, call.path["vector_store_id"])


@bp.route(_STORE + "/search", methods=["POST"])
@endpoint(scope="documents")
async def search_vector_store(call: Call[wire.vector_stores.SearchBody]) -> wire.vector_stores.SearchPage:
    return await call.platform.vector_stores.search(call.caller, call.path["vector_store_id"], call.body)


@bp.route(_STORE + "/files", methods=["POST"])
@endpoint(scope="documents")
async def create_vector_store_file(call: Call[wire.vector_stores.AttachBody]) -> wire.vector_stores.AttachedFile:
    return await call.platform.attachments.attach(call.caller, call.path["vector_store_id"], call.body)


@bp.route(_STORE + "/files", methods=["GET"])
@endpoint(scope="documents")
async def list_vector_store_files(
    call: Call[wire.vector_stores.AttachedFileQuery],
) -> wire.lists.ListPage[wire.vector_stores.AttachedFile]:
    return await call.platform.attachments.list(call.caller, call.path["vector_store_id"], call.body)


@bp.route(_FILE, methods=["GET"])
@endpoint(scope="documents")
async def get_vector_store_file(call: Call[NoBody]) -> wire.vector_stores.AttachedFile:
    return await call.platform.attachments.retrieve(call.caller, call.path["vector_store_id"], call.path["file_id"])


@bp.route(_FILE, methods=["POST"])
@endpoint(scope="documents")
async def update_vector_store_file_attributes(
    call: Call[wire.vector_stores.AttributesBody],
) -> wire.vector_stores.AttachedFile:
    store_id, file_id = call.path["vector_store_id"], call.path["file_id"]
    return await call.platform.attachments.update(call.caller, store_id, file_id, call.body)


@bp.route(_FILE, methods=["DELETE"])
@endpoint(scope="documents")
async def delete_vector_store_file(call: Call[NoBody]) -> wire.lists.Deleted:
    return await call.platform.attachments.detach(call.caller, call.path["vector_store_id"], call.path["file_id"])


@bp.route(_FILE + "/retry", methods=["POST"])
@endpoint(scope="documents")
async def retry_vector_store_file(call: Call[NoBody]) -> wire.vector_stores.AttachedFile:
    """Ours, not OpenAI's: index the file anew, whatever became of it (docs/ingestion.md)."""
    return await call.platform.attachments.retry(call.caller, call.path["vector_store_id"], call.path["file_id"])


@bp.route(_FILE + "/content", methods=["GET"])
@endpoint(scope="documents")
async def retrieve_vector_store_file_content(call: Call[NoBody]) -> wire.vector_stores.FileContentPage:
    return await call.platform.attachments.content(call.caller, call.path["vector_store_id"], call.path["file_id"])


@bp.route(_STORE + "/file_batches", methods=["POST"])
@endpoint(scope="documents")
async def create_vector_store_file_batch(
    call: Call[wire.vector_stores.FileBatchBody],
) -> wire.vector_stores.FileBatchObject:
    return await call.platform.file_batches.create(call.caller, call.path["vector_store_id"], call.body)


@bp.route(_BATCH, methods=["GET"])
@endpoint(scope="documents")
async def get_vector_store_file_batch(call: Call[NoBody]) -> wire.vector_stores.FileBatchObject:
    return await call.platform.file_batches.retrieve(call.caller, call.path["vector_store_id"], call.path["batch_id"])


@bp.route(_BATCH + "/cancel", methods=["POST"])
@endpoint(scope="documents")
async def cancel_vector_store_file_batch(call: Call[NoBody]) -> wire.vector_stores.FileBatchObject:
    return await call.platform.file_batches.cancel(call.caller, call.path["vector_store_id"], call.path["batch_id"])


@bp.route(_BATCH + "/files", methods=["GET"])
@endpoint(scope="documents")
async def list_files_in_vector_store_batch(
    call: Call[wire.vector_stores.AttachedFileQuery],
) -> wire.lists.ListPage[wire.vector_stores.AttachedFile]:
    store_id, batch_id = call.path["vector_store_id"], call.path["batch_id"]
    return await call.platform.file_batches.list(call.caller, store_id, batch_id, call.body)
