"""OpenAI's responses: what is asked, and what is answered."""

from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictInt, StrictStr, model_validator

from shared.wire.response_items import FileSearchTool, FunctionTool, InputItem, Item, Tool
from shared.wire.shape import Shape
from shared.wire.vector_stores import Metadata

RESULTS = "file_search_call.results"
Include = Literal[
    "file_search_call.results",
    "reasoning.encrypted_content",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
]
"""Of items that there are none of, nothing is included."""

ResponseStatus = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]


class TextFormat(Shape):
    type: Literal["text", "json_object"] = "text"


class JsonSchemaFormat(Shape):
    type: Literal["json_schema"]
    name: Annotated[StrictStr, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    schema_: dict[str, JsonValue] = Field(alias="schema")
    description: StrictStr | None = None
    strict: StrictBool | None = None


class TextConfig(Shape):
    model_config = ConfigDict(extra="forbid")

    format: Annotated[TextFormat | JsonSchemaFormat, Field(discriminator="type")] = TextFormat()
    verbosity: Literal["low", "medium", "high"] | None = None


class ReasoningConfig(Shape):
    """`effort` goes to the model. Chat completions have no summaries: those that are asked for stay empty."""

    model_config = ConfigDict(extra="allow")

    effort: StrictStr | None = None
    summary: StrictStr | None = None


class ToolName(Shape):
    """One tool: a function by its name, or file search."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["function", "file_search"]
    name: StrictStr | None = None

    @property
    def chosen(self) -> str:
        return self.name or self.type


class AllowedTools(Shape):
    model_config = ConfigDict(extra="forbid")

    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"]
    tools: list[ToolName] = Field(min_length=1)


class ConversationId(Shape):
    model_config = ConfigDict(extra="forbid")

    id: StrictStr


class ResponseStreamOptions(Shape):
    """`include_obfuscation` is accepted: there is none."""

    model_config = ConfigDict(extra="forbid")

    include_obfuscation: StrictBool | None = None


class ResponseBody(Shape):
    """A response to be made. A parameter that is null counts as left out; one that is not here is refused by name."""

    model_config = ConfigDict(extra="forbid")

    model: StrictStr = ""
    input: StrictStr | list[InputItem] = Field(default_factory=list[InputItem])
    instructions: StrictStr | None = None
    previous_response_id: StrictStr | None = None
    conversation: StrictStr | ConversationId | None = None
    store: StrictBool = True
    stream: StrictBool = False
    stream_options: ResponseStreamOptions | None = None
    background: StrictBool = False
    tools: list[Tool] = Field(default_factory=list[Tool], max_length=128)
    tool_choice: Literal["none", "auto", "required"] | ToolName | AllowedTools = "auto"
    parallel_tool_calls: StrictBool = True
    max_tool_calls: Annotated[StrictInt, Field(ge=1)] | None = None
    text: TextConfig = TextConfig()
    reasoning: ReasoningConfig | None = None
    include: list[Include] = Field(default_factory=list[Include])
    metadata: Metadata = Field(default_factory=dict[str, str])
    truncation: Literal["auto", "disabled"] = "disabled"
    max_output_tokens: Annotated[StrictInt, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    user: StrictStr | None = None
    safety_identifier: StrictStr | None = None
    prompt_cache_key: StrictStr | None = None
    prompt_cache_retention: StrictStr | None = None
    service_tier: StrictStr | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in cast("dict[str, Any]", given).items() if value is not None}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.input and self.previous_response_id is None and self.conversation is None:
            raise ValueError("give `input`, `previous_response_id` or `conversation`")
        if self.previous_response_id is not None and self.conversation is not None:
            raise ValueError("`previous_response_id` and `conversation` cannot be combined")
        if self.background and not self.store:
            raise ValueError("`background` needs `store`: there is nowhere else to look for the answer")
        self._check_tools()
        return self

    def _check_tools(self) -> None:
        names = [tool.name if isinstance(tool, FunctionTool) else tool.type for tool in self.tools]
        if len(names) != len(set(names)):
            raise ValueError(f"every tool must have a name of its own, and these are called {names}")
        choice = self.tool_choice
        chosen = choice.tools if isinstance(choice, AllowedTools) else [choice] if isinstance(choice, ToolName) else []
        if missing := [one.chosen for one in chosen if one.chosen not in names]:
            raise ValueError(f"`tool_choice` names {missing[0]!r}, which is not among the tools {names}")

    @property
    def functions(self) -> list[FunctionTool]:
        return [tool for tool in self.tools if isinstance(tool, FunctionTool)]

    @property
    def file_search(self) -> FileSearchTool | None:
        return next((tool for tool in self.tools if isinstance(tool, FileSearchTool)), None)

    @property
    def conversation_id(self) -> str | None:
        return self.conversation.id if isinstance(self.conversation, ConversationId) else self.conversation


class InputTokensDetails(Shape):
    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputTokensDetails(Shape):
    reasoning_tokens: int = 0


class ResponseUsage(Shape):
    """Of all calls to the model that the response took, together."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class ResponseError(Shape):
    code: str
    message: str


class IncompleteDetails(Shape):
    reason: Literal["max_output_tokens", "content_filter"]


class ResponseObject(Shape):
    """What was asked is repeated as it was understood."""

    model_config = ConfigDict(extra="ignore")

    id: str
    object: Literal["response"] = "response"
    created_at: int
    completed_at: int | None = None
    status: ResponseStatus
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
    output: list[Item]
    usage: ResponseUsage | None = None
    model: str
    instructions: str | None = None
    previous_response_id: str | None = None
    conversation: ConversationId | None = None
    store: bool = True
    background: bool = False
    tools: list[JsonValue]
    tool_choice: JsonValue
    parallel_tool_calls: bool = True
    max_tool_calls: int | None = None
    text: dict[str, JsonValue]
    reasoning: dict[str, JsonValue] | None = None
    metadata: dict[str, str]
    truncation: str = "disabled"
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None


class InputItemPage(Shape):
    object: Literal["list"] = "list"
    data: list[Item]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ResponseQuery(Shape):
    """`starting_after` is the number of the last event that the client has."""

    stream: bool = False
    include: list[Include] = Field(default_factory=list[Include])
    include_obfuscation: bool | None = None
    starting_after: Annotated[int, Field(ge=0)] | None = None


def without_none(shape: BaseModel) -> dict[str, Any]:
    return shape.model_dump(mode="json", by_alias=True, exclude_none=True)
