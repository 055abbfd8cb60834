"""What a tenant may use: read by its administrators, changed by operators. Ours, not OpenAI's."""

from __future__ import annotations

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared import wire

bp = func.Blueprint()

_POLICY = "v1/organization/projects/{project_id}/policy"


@bp.route(_POLICY, methods=["GET"])
@endpoint(scope="admin")
async def retrieve_project_policy(call: Call[NoBody]) -> wire.policies.PolicyObject:
    return await call.platform.policies.retrieve(call.caller, call.path["project_id"])


@bp.route(_POLICY, methods=["POST"])
@endpoint(scope="admin")
async def update_project_policy(call: Call[wire.policies.PolicyChange]) -> wire.policies.PolicyObject:
    return await call.platform.policies.change(call.caller, call.path["project_id"], call.body)
