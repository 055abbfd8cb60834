"""Chat completions on the wire: the part of a request that we act on, and what grounding adds to an answer."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool, StrictInt, StrictStr

from shared.wire.filters import BoundedFilter
from shared.wire.metadata import Metadata
from shared.wire.models import ModelName
from shared.wire.shape import Shape


class StreamOptions(Shape):
    model_config = ConfigDict(extra="allow")

    include_usage: StrictBool = False


class Message(Shape):
    """One message. Its content is the model's business; `role` is checked, since everything hangs on it."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: StrictStr | list[dict[str, object]] | None = None


class DataSourceParameters(Shape):
    """Azure's "on your data" parameters; `strictness` 1 lets nearly everything through, 5 hardly anything.

    `filters` is ours, in the form of OpenAI's vector store search.
    """

    model_config = ConfigDict(extra="forbid")

    vector_store_ids: list[StrictStr] = Field(min_length=1, max_length=10)
    top_n_documents: int = Field(default=5, ge=1, le=20)
    strictness: int = Field(default=3, ge=1, le=5)
    in_scope: StrictBool = True
    filters: BoundedFilter | None = None


class DataSource(Shape):
    model_config = ConfigDict(extra="forbid")

    type: Literal["vector_store"]
    parameters: DataSourceParameters


Tokens = Annotated[StrictInt, Field(ge=1)]


class ChatEnvelope(Shape):
    """What we must know of a chat completion request. Everything else goes to the model untouched."""

    model_config = ConfigDict(extra="allow")

    model: ModelName = ""
    messages: list[Message] = Field(min_length=1)
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    store: StrictBool | None = None
    metadata: Metadata | None = None
    data_sources: list[DataSource] | None = Field(default=None, max_length=1)


class Citation(Shape):
    """A passage the answer may rest on. Spans are characters of the extracted text; pages count from 1."""

    content: str
    title: str
    url: str | None = None
    filepath: str
    chunk_id: str
    file_id: str
    page_start: int | None
    page_end: int | None
    char_start: int
    char_end: int
    score: float


class Quote(Shape):
    """Words of the answer that stand in a document, as they stand there. `citation` is the N of the mark `[docN]`."""

    citation: int
    content: str
    file_id: str
    filepath: str
    page_start: int | None
    page_end: int | None
    char_start: int
    char_end: int


class Context(Shape):
    """`intent` is what was searched for. Azure's clients read this beside `content`.

    `quotes` are ours: in a stream they are known at the end, and come in a context of their own.
    """

    citations: list[Citation]
    intent: str
    quotes: list[Quote] = Field(default_factory=list[Quote])


class Proof(Shape):
    """What a stream's last chunk adds to the context."""

    quotes: list[Quote]
