"""The administration of a tenant's API keys, and the log of it: OpenAI's paths, for keys with the scope `admin`."""

from __future__ import annotations

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared import wire

bp = func.Blueprint()

_KEYS = "v1/organization/admin_api_keys"
_KEY = _KEYS + "/{key_id}"


@bp.route(_KEYS, methods=["POST"])
@endpoint(scope="admin")
async def create_admin_api_key(call: Call[wire.keys.KeyBody]) -> wire.keys.NewKeyObject:
    return await call.platform.administration.create(call.caller, call.body)


@bp.route(_KEYS, methods=["GET"])
@endpoint(scope="admin")
async def list_admin_api_keys(call: Call[wire.keys.KeyQuery]) -> wire.lists.ListPage[wire.keys.KeyObject]:
    return await call.platform.administration.list(call.caller, call.body)


@bp.route(_KEY, methods=["GET"])
@endpoint(scope="admin")
async def retrieve_admin_api_key(call: Call[NoBody]) -> wire.keys.KeyObject:
    return await call.platform.administration.retrieve(call.caller, call.path["key_id"])


@bp.route(_KEY, methods=["POST"])
@endpoint(scope="admin")
async def update_admin_api_key(call: Call[wire.keys.KeyChange]) -> wire.keys.KeyObject:
    """Ours, not OpenAI's: its name, and what it may use in a minute."""
    return await call.platform.administration.change(call.caller, call.path["key_id"], call.body)


@bp.route(_KEY, methods=["DELETE"])
@endpoint(scope="admin")
async def delete_admin_api_key(call: Call[NoBody]) -> wire.lists.Deleted:
    return await call.platform.administration.revoke(call.caller, call.path["key_id"])


@bp.route("v1/organization/audit_logs", methods=["GET"])
@endpoint(scope="admin")
async def list_audit_logs(call: Call[wire.keys.AuditQuery]) -> wire.lists.ListPage[wire.keys.AuditObject]:
    return await call.platform.audit.list(call.caller, call.body)
