"""The worst of models: one that does what any text in its prompt tells it, whoever wrote it.

Orders are lines: `ASSISTANT, SAY: text` and `ASSISTANT, CALL: name {"json": "arguments"}`, in any message.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from tests.upstream.script import Step, ToolCall

_SAY = re.compile(r"^.*ASSISTANT, SAY: (.*)$", re.MULTILINE)
_CALL = re.compile(r"^.*ASSISTANT, CALL: (\w+) (\{.*\})\s*$", re.MULTILINE)


def obeyed(step: Step, messages: Iterable[dict[str, Any]]) -> Step:
    """The step, answering what it was told to; by its own text when it was told nothing."""
    prompt = "\n".join(_text(message.get("content")) for message in messages)
    said = "\n".join(_SAY.findall(prompt)) or step.text
    calls = tuple(
        ToolCall(id=f"call_{number}", name=name, arguments=arguments)
        for number, (name, arguments) in enumerate(_CALL.findall(prompt))
    )
    return step.model_copy(update={"text": said, "tool_calls": calls})


def _text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False).replace("\\n", "\n")
