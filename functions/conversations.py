"""Conversations, and what is said in them."""

from __future__ import annotations

import logging

import azure.functions as func

from functions.edge import Call, NoBody, endpoint
from shared import wire, wiring

bp = func.Blueprint()
log = logging.getLogger(__name__)

_CONVERSATION = "v1/conversations/{conversation_id}"
_ITEM = _CONVERSATION + "/items/{item_id}"


@bp.route("v1/conversations", methods=["POST"])
@endpoint(scope="models")
async def create_conversation(call: Call[wire.conversations.ConversationBody]) -> wire.conversations.ConversationObject:
    return await call.platform.conversations.create(call.caller, call.body)


@bp.route(_CONVERSATION, methods=["GET"])
@endpoint(scope="models")
async def get_conversation(call: Call[NoBody]) -> wire.conversations.ConversationObject:
    return await call.platform.conversations.retrieve(call.caller, call.path["conversation_id"])


@bp.route(_CONVERSATION, methods=["POST"])
@endpoint(scope="models")
async def update_conversation(
    call: Call[wire.conversations.ConversationChanges],
) -> wire.conversations.ConversationObject:
    return await call.platform.conversations.update(call.caller, call.path["conversation_id"], call.body)


@bp.route(_CONVERSATION, methods=["DELETE"])
@endpoint(scope="models")
async def delete_conversation(call: Call[NoBody]) -> wire.lists.Deleted:
    return await call.platform.conversations.delete(call.caller, call.path["conversation_id"])


@bp.route(_CONVERSATION + "/items", methods=["POST"])
@endpoint(scope="models")
async def create_conversation_items(
    call: Call[wire.conversations.ItemsBody],
) -> wire.lists.ListPage[wire.response_items.Item]:
    return await call.platform.conversation_items.create(call.caller, call.path["conversation_id"], call.body)


@bp.route(_CONVERSATION + "/items", methods=["GET"])
@endpoint(scope="models")
async def list_conversation_items(
    call: Call[wire.conversations.ItemsQuery],
) -> wire.lists.ListPage[wire.response_items.Item]:
    return await call.platform.conversation_items.list(call.caller, call.path["conversation_id"], call.body)


@bp.route(_ITEM, methods=["GET"])
@endpoint(scope="models")
async def get_conversation_item(call: Call[wire.conversations.ItemQuery]) -> wire.conversations.ItemObject:
    conversation_id, item_id = call.path["conversation_id"], call.path["item_id"]
    return await call.platform.conversation_items.retrieve(call.caller, conversation_id, item_id, call.body)


@bp.route(_ITEM, methods=["DELETE"])
@endpoint(scope="models")
async def delete_conversation_item(call: Call[NoBody]) -> wire.conversations.ConversationObject:
    conversation_id, item_id = call.path["conversation_id"], call.path["item_id"]
    return await call.platform.conversation_items.delete(call.caller, conversation_id, item_id)


@bp.timer_trigger(arg_name="timer", schedule="0 23 * * * *")
async def finish_deletions(timer: func.TimerRequest) -> None:
    """Erases what is left of deleted conversations, for a minute at most; the next run goes on from there."""
    log.info("finishing deletions past_due=%s", timer.past_due)
    await (await wiring.platform()).conversations.finish_deletions()
