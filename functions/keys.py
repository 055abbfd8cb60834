"""The administration of a tenant's API keys, and the log of it: OpenAI's paths, for keys with the scope `admin`."""

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared.wire.keys import AuditObject, AuditQuery, KeyBody, KeyChange, KeyObject, KeyQuery, NewKeyObject
from shared.wire.lists import Deleted, ListPage

bp = func.Blueprint()

_KEYS = "v1/organization/admin_api_keys"
_KEY = _KEYS + "/{key_id}"


@bp.route(_KEYS, methods=["POST"])
@endpoint(KeyBody, scope="admin")
async def create_admin_api_key(call: Call[KeyBody]) -> NewKeyObject:
    return await call.platform.administration.create(call.caller, call.body)


@bp.route(_KEYS, methods=["GET"])
@endpoint(KeyQuery, scope="admin")
async def list_admin_api_keys(call: Call[KeyQuery]) -> ListPage[KeyObject]:
    return await call.platform.administration.list(call.caller, call.body)


@bp.route(_KEY, methods=["GET"])
@endpoint(NoBody, scope="admin")
async def retrieve_admin_api_key(call: Call[NoBody]) -> KeyObject:
    return await call.platform.administration.retrieve(call.caller, call.path["key_id"])


@bp.route(_KEY, methods=["POST"])
@endpoint(KeyChange, scope="admin")
async def update_admin_api_key(call: Call[KeyChange]) -> KeyObject:
    """Ours, not OpenAI's: its name, and what it may use in a minute."""
    return await call.platform.administration.change(call.caller, call.path["key_id"], call.body)


@bp.route(_KEY, methods=["DELETE"])
@endpoint(NoBody, scope="admin")
async def delete_admin_api_key(call: Call[NoBody]) -> Deleted:
    return await call.platform.administration.revoke(call.caller, call.path["key_id"])


@bp.route("v1/organization/audit_logs", methods=["GET"])
@endpoint(AuditQuery, scope="admin")
async def list_audit_logs(call: Call[AuditQuery]) -> ListPage[AuditObject]:
    return await call.platform.audit.list(call.caller, call.body)
