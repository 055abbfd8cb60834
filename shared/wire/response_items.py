"""What responses are made of: the items that go in and come out, and the tools that may be offered."""

from typing import Annotated, Any, Literal, Self, cast

from pydantic import ConfigDict, Discriminator, Field, JsonValue, StrictBool, StrictStr, Tag, model_validator

from shared.wire.filters import BoundedFilter
from shared.wire.shape import Shape
from shared.wire.vector_stores import RankingOptions

ItemStatus = Literal["in_progress", "searching", "completed", "incomplete", "failed"]
_FUNCTION = r"^[a-zA-Z0-9_-]{1,64}$"


class InputText(Shape):
    type: Literal["input_text"] = "input_text"
    text: StrictStr


class InputImage(Shape):
    """By its address, which may be a data URL."""

    type: Literal["input_image"] = "input_image"
    image_url: StrictStr
    detail: Literal["low", "high", "auto", "original"] = "auto"


class InputFile(Shape):
    """By what is in it, as a data URL, or by the id of one that was uploaded."""

    type: Literal["input_file"] = "input_file"
    file_data: StrictStr | None = None
    file_id: StrictStr | None = None
    filename: StrictStr | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.file_data is None) is (self.file_id is None):
            raise ValueError("an `input_file` takes either `file_data` or `file_id`")
        return self


class FileCitation(Shape):
    """A file that the text rests on at this place. `index` counts the characters before it."""

    type: Literal["file_citation"] = "file_citation"
    file_id: str
    filename: str
    index: int


class OutputText(Shape):
    """Annotations of other kinds than ours are kept as they are, and so is what others say of probabilities."""

    type: Literal["output_text"] = "output_text"
    text: StrictStr
    annotations: list[FileCitation | dict[str, JsonValue]] = Field(default_factory=list[FileCitation | dict[str, Any]])
    logprobs: list[JsonValue] | None = Field(default_factory=list[Any])


class Refusal(Shape):
    type: Literal["refusal"] = "refusal"
    refusal: StrictStr


type Part = Annotated[InputText | InputImage | InputFile | OutputText | Refusal, Field(discriminator="type")]


class Message(Shape):
    type: Literal["message"] = "message"
    id: str | None = None
    role: Literal["user", "assistant", "system", "developer"]
    content: StrictStr | list[Part]
    status: ItemStatus | None = None

    @property
    def parts(self) -> list[Part]:
        if not isinstance(self.content, str):
            return self.content
        return [OutputText(text=self.content) if self.role == "assistant" else InputText(text=self.content)]


class FunctionCall(Shape):
    type: Literal["function_call"] = "function_call"
    id: str | None = None
    call_id: StrictStr
    name: StrictStr
    arguments: StrictStr
    status: ItemStatus | None = None


class FunctionCallOutput(Shape):
    type: Literal["function_call_output"] = "function_call_output"
    id: str | None = None
    call_id: StrictStr
    output: StrictStr | list[Part]
    status: ItemStatus | None = None


class FileSearchResult(Shape):
    file_id: str
    filename: str
    score: float
    text: str
    attributes: dict[str, str | float | bool] = Field(default_factory=dict[str, str | float | bool])


class FileSearchCall(Shape):
    """A search that we made. `results` is null unless it was asked to be included."""

    type: Literal["file_search_call"] = "file_search_call"
    id: str | None = None
    queries: list[str]
    status: ItemStatus | None = None
    results: list[FileSearchResult] | None = None


class Reasoning(Shape):
    """What a reasoning model thought. It is kept; chat completions have no place for it."""

    model_config = ConfigDict(extra="allow")

    type: Literal["reasoning"] = "reasoning"
    id: str | None = None
    summary: list[JsonValue] = Field(default_factory=list[Any])


class ItemReference(Shape):
    """An item of an earlier response."""

    type: Literal["item_reference"] = "item_reference"
    id: StrictStr


def _type_of(item: Any) -> str:
    """A message may leave its type out."""
    if not isinstance(item, dict):
        return str(getattr(item, "type", "message"))
    return str(cast("dict[str, Any]", item).get("type") or "message")


type Item = Annotated[
    Annotated[Message, Tag("message")]
    | Annotated[FunctionCall, Tag("function_call")]
    | Annotated[FunctionCallOutput, Tag("function_call_output")]
    | Annotated[FileSearchCall, Tag("file_search_call")]
    | Annotated[Reasoning, Tag("reasoning")],
    Discriminator(_type_of),
]
"""An item as it is kept."""

type InputItem = Annotated[
    Annotated[Message, Tag("message")]
    | Annotated[FunctionCall, Tag("function_call")]
    | Annotated[FunctionCallOutput, Tag("function_call_output")]
    | Annotated[FileSearchCall, Tag("file_search_call")]
    | Annotated[Reasoning, Tag("reasoning")]
    | Annotated[ItemReference, Tag("item_reference")],
    Discriminator(_type_of),
]
"""An item as a client sends it."""


class FunctionTool(Shape):
    type: Literal["function"] = "function"
    name: Annotated[StrictStr, Field(pattern=_FUNCTION)]
    description: StrictStr | None = None
    parameters: dict[str, JsonValue] | None = None
    strict: StrictBool | None = None


class FileSearchTool(Shape):
    """Searches in vector stores, which we make ourselves whenever the model asks for one."""

    type: Literal["file_search"] = "file_search"
    vector_store_ids: list[StrictStr] = Field(min_length=1, max_length=10)
    max_num_results: int = Field(default=20, ge=1, le=50)
    filters: BoundedFilter | None = None
    ranking_options: RankingOptions | None = None


type Tool = Annotated[FunctionTool | FileSearchTool, Field(discriminator="type")]
