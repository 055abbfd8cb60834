"""Items of conversations between the wire and the store: named and complete when they are kept, and shown with no more
than was asked for."""

from collections.abc import Collection, Sequence

from pydantic import TypeAdapter

from shared.errors import InvalidRequestError
from shared.ports.clock import Clock
from shared.ports.conversations import ConversationItem
from shared.wire.response_items import FileSearchCall, Item, Message, OutputText, Part, Reasoning

RESULTS, ENCRYPTED, LOGPROBS = "file_search_call.results", "reasoning.encrypted_content", "message.output_text.logprobs"
EVERYTHING = (RESULTS, ENCRYPTED, LOGPROBS)

_PREFIXES = {
    "message": "msg_",
    "function_call": "fc_",
    "function_call_output": "fco_",
    "file_search_call": "fs_",
    "reasoning": "rs_",
}
_LONGEST_ID = 128

_json: TypeAdapter[Item] = TypeAdapter(Item)


def kept(items: Sequence[Item], clock: Clock) -> list[ConversationItem]:
    """Each with an id, its own or a new one, and a message with its content in parts. Raise InvalidRequestError."""
    return [_kept(item, clock) for item in items]


def _kept(item: Item, clock: Clock) -> ConversationItem:
    item_id = item.id or clock.new_id(_PREFIXES[item.type])
    if len(item_id) > _LONGEST_ID:
        message = f"The id {item_id[:_LONGEST_ID]!r}… is longer than {_LONGEST_ID} characters."
        raise InvalidRequestError(message, param="items")
    changes: dict[str, object] = {"id": item_id}
    if isinstance(item, Message):
        changes["content"] = item.parts
    if not isinstance(item, Reasoning):
        changes["status"] = item.status or "completed"
    return ConversationItem(item_id, _json.dump_json(item.model_copy(update=changes)).decode())


def shown(item: ConversationItem, include: Collection[str] = ()) -> Item:
    """Without what is large, and told only to who asks for it."""
    found = _json.validate_json(item.body)
    if isinstance(found, FileSearchCall) and RESULTS not in include:
        return found.model_copy(update={"results": None})
    if isinstance(found, Reasoning) and ENCRYPTED not in include:
        return Reasoning.model_validate(found.model_dump(exclude={"encrypted_content"}))
    if isinstance(found, Message) and LOGPROBS not in include:
        return found.model_copy(update={"content": [_plain(part) for part in found.parts]})
    return found


def _plain(part: Part) -> Part:
    return part.model_copy(update={"logprobs": []}) if isinstance(part, OutputText) else part
