"""OpenAI's vector stores, the files in them, and the search over them."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StrictBool, StringConstraints, model_validator

from shared.wire.filters import AttributeName, AttributeValue, BoundedFilter
from shared.wire.lists import ListQuery
from shared.wire.metadata import Metadata, Text512
from shared.wire.shape import Shape

type Attributes = Annotated[dict[AttributeName, AttributeValue], Field(max_length=16)]


class ExpiresAfter(Shape):
    model_config = ConfigDict(frozen=True)

    anchor: Literal["last_active_at"] = "last_active_at"
    days: Annotated[int, Field(ge=1, le=365)]


class StaticSize(Shape):
    """In tokens of o200k. A chunk begins with the last of the one before it, as much as the overlap holds."""

    model_config = ConfigDict(frozen=True)

    max_chunk_size_tokens: Annotated[int, Field(ge=100, le=4096)]
    chunk_overlap_tokens: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _is_at_most_half(self) -> Self:
        if self.chunk_overlap_tokens * 2 > self.max_chunk_size_tokens:
            raise ValueError("chunk_overlap_tokens must not exceed half of max_chunk_size_tokens")
        return self


class StaticChunking(Shape):
    model_config = ConfigDict(frozen=True)

    type: Literal["static"] = "static"
    static: StaticSize


class AutoChunking(Shape):
    """We cut at headings and sentences, into chunks of at most 512 tokens that do not overlap."""

    model_config = ConfigDict(frozen=True)

    type: Literal["auto"] = "auto"


type ChunkingStrategy = Annotated[AutoChunking | StaticChunking, Field(discriminator="type")]
type StoreName = Annotated[str, StringConstraints(max_length=256)]


class VectorStoreBody(Shape):
    """A store to be made. `chunking_strategy` is for its `file_ids`."""

    model_config = ConfigDict(frozen=True)

    name: StoreName | None = None
    description: Text512 | None = None
    file_ids: Annotated[list[str], Field(max_length=500)] = Field(default_factory=list[str])
    chunking_strategy: ChunkingStrategy | None = None
    expires_after: ExpiresAfter | None = None
    metadata: Metadata | None = None


class VectorStoreChanges(Shape):
    """What is left out stays as it is; null takes away metadata, description and `expires_after`."""

    model_config = ConfigDict(frozen=True)

    name: StoreName | None = None
    description: Text512 | None = None
    expires_after: ExpiresAfter | None = None
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
    description: str | None = None
    usage_bytes: int
    file_counts: FileCounts
    status: Literal["expired", "in_progress", "completed"]
    expires_after: ExpiresAfter | None = None
    expires_at: int | None = None
    last_active_at: int
    metadata: dict[str, str]


class AttachBody(Shape):
    """A file to be put into a store."""

    model_config = ConfigDict(frozen=True)

    file_id: str
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None


class AttributesBody(Shape):
    """Attributes in the place of those that a file has; null for none."""

    model_config = ConfigDict(frozen=True)

    attributes: Attributes | None


class FileBatchBody(Shape):
    """Files to be put into a store at once: by `file_ids`, with attributes and chunking for all, or one by one."""

    model_config = ConfigDict(frozen=True)

    file_ids: Annotated[list[str], Field(min_length=1, max_length=500)] | None = None
    files: Annotated[list[AttachBody], Field(min_length=1, max_length=500)] | None = None
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None

    @model_validator(mode="after")
    def _names_files_once(self) -> Self:
        if (self.file_ids is None) is (self.files is None):
            raise ValueError("give either `file_ids` or `files`")
        if self.files is not None and (self.attributes is not None or self.chunking_strategy is not None):
            raise ValueError("with `files`, attributes and chunking_strategy belong into each of them")
        return self

    @property
    def attached(self) -> list[AttachBody]:
        """Each file once; of one that is named again, what was said last."""
        alike = [
            AttachBody(file_id=file_id, attributes=self.attributes, chunking_strategy=self.chunking_strategy)
            for file_id in self.file_ids or ()
        ]
        return list({one.file_id: one for one in self.files or alike}.values())


FileStatus = Literal["in_progress", "completed", "failed", "cancelled"]


class AttachedFileQuery(ListQuery):
    filter: FileStatus | None = None


FileErrorCode = Literal["server_error", "unsupported_file", "invalid_file"]


class FileError(Shape):
    code: FileErrorCode
    message: str


class FileBatchObject(Shape):
    """`status` is `completed` once no file is in progress, whatever became of them: the counts tell."""

    id: str
    object: Literal["vector_store.files_batch"] = "vector_store.files_batch"
    created_at: int
    vector_store_id: str
    status: Literal["in_progress", "completed", "cancelled"]
    file_counts: FileCounts


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
    """`filename` and `progress` are ours."""

    id: str
    object: Literal["vector_store.file"] = "vector_store.file"
    usage_bytes: int
    created_at: int
    vector_store_id: str
    filename: str
    status: FileStatus
    last_error: FileError | None
    chunking_strategy: OtherChunking | StaticChunking = OtherChunking()
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
    """A search. With `rewrite_query` a chat model writes each query anew, and both are searched."""

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
