"""From a response's items to the messages of a chat completion, and from its parameters to those of one."""

from collections.abc import Iterator, Mapping, Sequence

from shared.answers.responses.file_search import FUNCTION
from shared.errors import InvalidRequestError
from shared.wire.response_items import (
    FunctionCall,
    FunctionCallOutput,
    FunctionTool,
    InputFile,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Part,
    Refusal,
)
from shared.wire.responses import (
    AllowedTools,
    JsonSchemaFormat,
    ResponseBody,
    TextConfig,
    ToolName,
    without_none,
)

type ChatMessage = Mapping[str, object]

_PASSED_ON = ("temperature", "top_p", "user", "safety_identifier", "prompt_cache_key", "service_tier")
_ROLES = {"developer": "system"}
"""Every model that speaks chat completions knows `system`; `developer` says the same, and only some know it."""


def messages_of(items: Sequence[Item]) -> list[ChatMessage]:
    """Calls that follow one another become one message, and their outputs come right behind it, as models want it.

    Searches and thoughts have no place there. Raise InvalidRequestError for a call without its output, and for an
    output without its call.
    """
    outputs = {item.call_id: item for item in items if isinstance(item, FunctionCallOutput)}
    _check_pairs(items, outputs)
    messages: list[ChatMessage] = []
    calls: list[FunctionCall] = []
    for item in items:
        if isinstance(item, FunctionCall):
            calls.append(item)
            continue
        if isinstance(item, Message | FunctionCallOutput):
            messages += _called(calls, outputs)
            calls = []
        if isinstance(item, Message):
            messages.append({"role": _ROLES.get(item.role, item.role), "content": _content(item.parts)})
    return messages + list(_called(calls, outputs))


def _check_pairs(items: Sequence[Item], outputs: Mapping[str, FunctionCallOutput]) -> None:
    called = {item.call_id for item in items if isinstance(item, FunctionCall)}
    for call_id in called - outputs.keys():
        raise InvalidRequestError(f"No tool output found for function call {call_id!r}.", param="input")
    for call_id in outputs.keys() - called:
        message = f"No tool call found for function call output with call_id {call_id!r}."
        raise InvalidRequestError(message, param="input")


def _called(calls: Sequence[FunctionCall], outputs: Mapping[str, FunctionCallOutput]) -> Iterator[ChatMessage]:
    if not calls:
        return
    yield calling([(call.call_id, call.name, call.arguments) for call in calls])
    for call in calls:
        output = outputs[call.call_id].output
        yield {"role": "tool", "tool_call_id": call.call_id, "content": _output(output)}


def calling(calls: Sequence[tuple[str, str, str]], said: str = "") -> ChatMessage:
    """The message in which a model makes these calls: id, name and arguments of each."""
    made = [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for call_id, name, arguments in calls
    ]
    return {"role": "assistant", "content": said or None, "tool_calls": made}


def _output(output: str | Sequence[Part]) -> str | list[ChatMessage]:
    return output if isinstance(output, str) else [_part(part) for part in output]


def _content(parts: Sequence[Part]) -> str | list[ChatMessage]:
    """Plain text as a text: not every deployment reads parts."""
    texts = [_text(part) for part in parts]
    if None in texts:
        return [_part(part) for part in parts]
    return "\n".join(text for text in texts if text is not None)


def _text(part: Part) -> str | None:
    match part:
        case InputText(text=text) | OutputText(text=text) | Refusal(refusal=text):
            return text
        case _:
            return None


def _part(part: Part) -> ChatMessage:
    match part:
        case InputImage(image_url=url, detail=detail):
            return {"type": "image_url", "image_url": {"url": url, "detail": detail}}
        case InputFile(file_data=data, filename=filename):
            return {"type": "file", "file": {"filename": filename or "file", "file_data": data}}
        case _:
            return {"type": "text", "text": _text(part)}


def parameters_of(body: ResponseBody) -> dict[str, object]:
    """Everything of a chat completion request but messages and tools. What is left out stays out."""
    given = {name: value for name in _PASSED_ON if (value := getattr(body, name)) is not None}
    if body.reasoning is not None and body.reasoning.effort is not None:
        given["reasoning_effort"] = body.reasoning.effort
    return given | _text_parameters(body.text)


def _text_parameters(text: TextConfig) -> dict[str, object]:
    given: dict[str, object] = {} if text.verbosity is None else {"verbosity": text.verbosity}
    if isinstance(text.format, JsonSchemaFormat):
        schema = without_none(text.format)
        del schema["type"]
        given["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif text.format.type != "text":
        given["response_format"] = {"type": text.format.type}
    return given


def tools_of(body: ResponseBody, *, may_search: bool, first: bool) -> dict[str, object]:
    """The tools of one round and what the model may choose. What it must choose, it must in the first round only."""
    offered: dict[str, object] = {tool.name: _function(tool) for tool in body.functions}
    if body.file_search is not None and (may_search or not offered):
        offered[body.file_search.type] = FUNCTION
    choice: object = body.tool_choice
    if isinstance(choice, AllowedTools):
        allowed = {tool.chosen for tool in choice.tools}
        offered = {name: tool for name, tool in offered.items() if name in allowed}
        choice = choice.mode
    if not offered:
        return {}
    given: dict[str, object] = {"tools": list(offered.values())}
    if not may_search and body.file_search is not None and not body.functions:
        choice = "none"
    if isinstance(choice, ToolName):
        choice = {"type": "function", "function": {"name": choice.chosen}}
    if choice == "none" or (choice != "auto" and first):
        given["tool_choice"] = choice
    return given if body.parallel_tool_calls else {**given, "parallel_tool_calls": False}


def _function(tool: FunctionTool) -> ChatMessage:
    return {"type": "function", "function": tool.model_dump(mode="json", exclude={"type"}, exclude_none=True)}
