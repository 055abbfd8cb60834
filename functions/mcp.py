"""A tenant's documents for agents and editors, over the Model Context Protocol."""

from __future__ import annotations

import azure.functions as func

from functions.edge import Call, endpoint
from shared import wire

bp = func.Blueprint()


@bp.route("mcp", methods=["POST"])
@endpoint(scope="documents", statuses=(200, 202))
async def answer_mcp(call: Call[wire.mcp.RpcBody]) -> wire.replies.Relayed:
    return await call.platform.mcp.answer(call.caller, call.body.root)
