"""What the server is told to do: one `Step` a call, in order, then the model's sticky default."""

from collections import deque
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ANY_MODEL = "*"

Fault = Literal["reset", "cut", "abort", "stall", "malformed"]


class ToolCall(BaseModel):
    """A function call in an answer; a stream sends its arguments in `pieces` deltas."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = "call_1"
    name: str
    arguments: str = "{}"
    pieces: int = Field(default=3, ge=1)


class Step(BaseModel):
    """How one call is answered. The default is a prompt, short, correct answer with usage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: int = Field(default=1, ge=1, description="how many calls this step answers")

    # The answer.
    text: str = "Scripted answer."
    chunks: tuple[str, ...] | None = Field(default=None, description="exact content deltas; they join to the text")
    chunk_count: int | None = Field(default=None, ge=1, description="generate this many one-token deltas instead")
    echo: bool = Field(default=False, description="answer with the last user message")
    obedient: bool = Field(default=False, description="do what any text of the prompt says: see `orders`")
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = Field(default=None, description="default: stop, tool_calls or length as it follows")
    usage: Literal["auto", "missing"] | dict[str, Any] = Field(
        default="auto", description="a dict is merged over the counted usage"
    )
    role_chunk: bool = Field(default=True, description="a stream begins with the role, as OpenAI's does")
    prompt_filter: bool = Field(default=False, description="a stream begins with Azure's chunk without choices")

    # Its pace.
    first_byte_s: float = Field(default=0, ge=0, description="latency before the status line")
    chunk_delay_s: float = Field(default=0, ge=0, description="pace between deltas, without drift")

    # A refusal instead of an answer.
    status: int = 200
    error: Literal["content_filter", "context_length_exceeded"] | None = None
    message: str | None = None
    retry_after_s: float | None = None
    retry_after_form: Literal["seconds", "milliseconds", "date"] = "seconds"
    headers: dict[str, str] = Field(default_factory=dict)

    # A broken transport. `after_chunks` counts content deltas; for a plain answer the body breaks in its middle.
    # reset: before the status line. cut: a clean end without [DONE]. abort: a TCP reset. stall: silence until the
    # client leaves. malformed: one event (or the whole plain body) that is not JSON.
    fault: Fault | None = None
    after_chunks: int = Field(default=0, ge=0)


class Script:
    """The steps of every model. A model without its own script follows the script of `*`."""

    def __init__(self) -> None:
        self._steps: dict[str, deque[Step]] = {}
        self._defaults: dict[str, Step] = {}

    def add(self, model: str, *steps: Step, default: Step | None = None) -> None:
        queue = self._steps.setdefault(model, deque())
        for step in steps:
            queue.extend([step] * step.times)
        if default is not None:
            self._defaults[model] = default

    def reset(self) -> None:
        self._steps.clear()
        self._defaults.clear()

    def next(self, model: str) -> Step:
        """Consume the step that answers this call."""
        for name in (model, ANY_MODEL):
            if queue := self._steps.get(name):
                return queue.popleft()
        return self._defaults.get(model) or self._defaults.get(ANY_MODEL) or _ANSWER

    def pending(self) -> dict[str, int]:
        """How many scripted steps no call has consumed yet, by model."""
        return {model: len(queue) for model, queue in self._steps.items() if queue}


_ANSWER = Step()


class ScriptOrder(BaseModel):
    """Body of `POST /_script`."""

    model_config = ConfigDict(extra="forbid")

    model: str = ANY_MODEL
    steps: tuple[Step, ...] = ()
    default: Step | None = None
