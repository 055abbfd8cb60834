"""OpenAI's vector stores, the files in them, and the search over them."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StrictBool, StringConstraints, model_validator

from shared.wire.filters import AttributeName, AttributeValue, BoundedFilter
from shared.wire.lists import ListQuery
from shared.wire.shape import Shape

type Name64 = Annotated[str, StringConstraints(min_length=1, max_length=64)]
type Text512 = Annotated[str, StringConstraints(max_length=512)]
type Metadata = Annotated[dict[Name64, Text512], Field(max_length=16)]
type Attributes = Annotated[dict[AttributeName, AttributeValue], Field(max_length=16)]


class VectorStoreBody(Shape):
    """A store to be made. What else OpenAI knows (`expires_after`, `chunking_strategy`) is accepted and left alone."""

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, StringConstraints(max_length=256)] | None = None
    file_ids: Annotated[list[str], Field(max_length=500)] = Field(default_factory=list[str])
    metadata: Metadata | None = None


class FileCounts(Shape):
    """OpenAI's, and ours: over the files in progress that are so large that they are made in parts."""

    in_progress: int
    completed: int
    failed: int
    cancelled: int
    total: int
    parts: int = 0
    parts_done: int = 0


class VectorStoreObject(Shape):
    id: str
    object: Literal["vector_store"] = "vector_store"
    created_at: int
    name: str
    usage_bytes: int
    file_counts: FileCounts
    status: Literal["expired", "in_progress", "completed"]
    expires_after: None = None
    expires_at: None = None
    last_active_at: int
    metadata: dict[str, str]


class AttachBody(Shape):
    """A file to be put into a store. `chunking_strategy` is accepted; ours is automatic."""

    model_config = ConfigDict(frozen=True)

    file_id: str
    attributes: Attributes | None = None


FileStatus = Literal["in_progress", "completed", "failed", "cancelled"]


class AttachedFileQuery(ListQuery):
    filter: FileStatus | None = None


FileErrorCode = Literal["server_error", "unsupported_file", "invalid_file"]


class FileError(Shape):
    code: FileErrorCode
    message: str


class OtherChunking(Shape):
    """OpenAI's word for a strategy it has no parameters for: we cut at headings and sentences."""

    type: Literal["other"] = "other"


class Progress(Shape):
    """How far the indexing of a file is, and what became of it. Ours, not OpenAI's: docs/ingestion.md.

    `parts` is 0 for a file that is made in one run. `attempts` failed in a row; `timings_ms` are of each stage, summed
    over parts.
    """

    state: Literal["queued", "extracting", "embedding", "ready", "failed", "needs_ocr", "empty", "deleted"]
    parts: int
    parts_done: int
    chunks: int
    tokens: int
    attempts: int
    timings_ms: dict[str, int]


class AttachedFile(Shape):
    id: str
    object: Literal["vector_store.file"] = "vector_store.file"
    usage_bytes: int
    created_at: int
    vector_store_id: str
    status: FileStatus
    last_error: FileError | None
    chunking_strategy: OtherChunking = OtherChunking()
    attributes: dict[str, str | float | bool]
    progress: Progress


class TextContent(Shape):
    type: Literal["text"] = "text"
    text: str


class FileContentPage(Shape):
    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[TextContent]
    has_more: bool = False
    next_page: str | None = None


type Query = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class HybridWeights(Shape):
    """How much the rank by meaning and the rank by words count: OpenAI's words in the file search tool."""

    model_config = ConfigDict(frozen=True)

    embedding_weight: Annotated[float, Field(ge=0, le=1_000)]
    text_weight: Annotated[float, Field(ge=0, le=1_000)]

    @model_validator(mode="after")
    def _one_counts(self) -> Self:
        if not self.embedding_weight and not self.text_weight:
            raise ValueError("one of the weights must be above 0")
        return self


class RankingOptions(Shape):
    """`ranker` is accepted: there is one."""

    model_config = ConfigDict(frozen=True)

    hybrid_search: HybridWeights | None = None
    score_threshold: Annotated[float, Field(ge=0, le=1)] | None = None


class SearchBody(Shape):
    """A search. `rewrite_query` is accepted: queries are searched as they are."""

    model_config = ConfigDict(frozen=True)

    query: Query | Annotated[list[Query], Field(min_length=1, max_length=16)]
    max_num_results: int = Field(default=10, ge=1, le=50)
    ranking_options: RankingOptions | None = None
    filters: BoundedFilter | None = None
    rewrite_query: StrictBool | None = None

    @property
    def queries(self) -> tuple[str, ...]:
        return (self.query,) if isinstance(self.query, str) else tuple(self.query)


class SearchResult(Shape):
    file_id: str
    filename: str
    score: float
    attributes: dict[str, str | float | bool]
    content: list[TextContent]


class SearchPage(Shape):
    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    data: list[SearchResult]
    has_more: bool = False
    next_page: str | None = None
