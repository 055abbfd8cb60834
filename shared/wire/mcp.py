"""The Model Context Protocol's JSON-RPC, as far as a server without sessions speaks it.

https://modelcontextprotocol.io/specification/2025-06-18/basic; the official package brings a web framework of its own,
which a cold start would pay for to get these few shapes.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, RootModel, StringConstraints

from shared.wire.shape import Shape

INVALID_REQUEST, UNKNOWN_METHOD, INVALID_PARAMS = -32600, -32601, -32602
VERSIONS = ("2025-06-18", "2025-03-26")
"""Those that a client may ask for, newest first."""


class RpcBody(RootModel[JsonValue]):
    """Whatever came as JSON: what is wrong with it, JSON-RPC says in its own words."""

    model_config = ConfigDict(defer_build=True)


class RpcRequest(Shape):
    """A request, or without an `id` a notification."""

    model_config = ConfigDict(frozen=True)

    jsonrpc: Literal["2.0"]
    id: Annotated[int, Field(strict=True)] | Annotated[str, Field(strict=True)] | None = None
    method: str
    params: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class ToolCall(Shape):
    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class InitializeParams(Shape):
    model_config = ConfigDict(populate_by_name=True)

    version: str = Field(alias="protocolVersion")


class SearchArguments(Shape):
    model_config = ConfigDict(frozen=True, extra="forbid")

    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8_000)]


class FetchArguments(Shape):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, StringConstraints(min_length=1, max_length=512)]


class FoundDocument(Shape):
    """A result of `search`, in the shape that OpenAI documents for connectors."""

    id: str
    title: str
    url: str


class FoundDocuments(Shape):
    results: list[FoundDocument]


class FetchedDocument(Shape):
    """The answer of `fetch`, in the shape that OpenAI documents for connectors."""

    id: str
    title: str
    text: str
    url: str
    metadata: dict[str, str]


_READ_ONLY = {"readOnlyHint": True, "openWorldHint": False}


def _schema(name: str, description: str) -> JsonValue:
    field: JsonValue = {"type": "string", "description": description}
    return {"type": "object", "properties": {name: field}, "required": [name], "additionalProperties": False}


TOOLS: tuple[Mapping[str, JsonValue], ...] = (
    {
        "name": "search",
        "description": "Search the documents of all vector stores. Returns ids, titles and links, best first.",
        "inputSchema": _schema("query", "What to look for, in words or as a question."),
        "annotations": {"title": "Search documents", **_READ_ONLY},
    },
    {
        "name": "fetch",
        "description": "Read the whole text of a document that search has found.",
        "inputSchema": _schema("id", "The id of a search result."),
        "annotations": {"title": "Fetch a document", **_READ_ONLY},
    },
)
