"""The message that carries one usage event, and OpenAI's usage API: its query and its pages.

https://platform.openai.com/docs/api-reference/usage. Ours on top: `sources`, grouping by `source`, and `cost_microusd`.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, ValidationError

from shared.errors import PoisonMessageError
from shared.wire.messages import QueueMessage, current, json_object
from shared.wire.shape import Shape
from shared.wire.validation import explain

Source = Literal["api", "cache", "indexing", "retrieval"]


class UsageMessage(QueueMessage):
    """One upstream attempt as the ledger counts it. Status 0: its process died before it could say what it used."""

    model_config = ConfigDict(from_attributes=True)

    version: int = 2
    kind: Literal["usage"] = "usage"
    id: str
    tenant: str
    key_id: str | None
    model: str
    deployment: str
    operation: Literal["completions", "embeddings"]
    source: Source
    status: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_microusd: int
    estimated: bool
    ttft_ms: int | None
    duration_ms: int | None
    at: AwareDatetime


def parse_usage(body: bytes) -> UsageMessage:
    """A message of the `usage` queue. Raise PoisonMessageError with the reason."""
    try:
        return UsageMessage.model_validate(current(json_object(body)))
    except ValidationError as error:
        raise PoisonMessageError(f"Not a message of the usage queue: {explain(error)}.") from error


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


type Words[Word] = Annotated[list[Word], BeforeValidator(_as_list)]
"""A list parameter; `name=x` counts as `name[]=x`."""

UnixSeconds = Annotated[int, Field(ge=0, le=253_402_300_799)]
BucketWidth = Literal["1m", "1h", "1d"]
CostGroup = Literal["project_id", "api_key_id", "line_item"]
GroupBy = Literal["project_id", "api_key_id", "model", "batch", "source"]


class RangeQuery(Shape):
    """A project is a tenant. A parameter that we do not have is refused: ignored, a filter would answer wrongly."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_time: UnixSeconds
    end_time: UnixSeconds | None = None
    api_key_ids: Words[str] | None = None
    project_ids: Words[str] | None = None
    limit: int | None = Field(default=None, ge=1)
    page: str | None = None


class UsageQuery(RangeQuery):
    bucket_width: BucketWidth = "1d"
    group_by: Words[GroupBy] = Field(default_factory=list[GroupBy])
    models: Words[str] | None = None
    batch: bool | None = Field(default=None, description="nothing runs as a batch: true finds nothing")
    sources: Words[Source] = Field(
        default=["api"],
        description="whose calls count: by default those of clients themselves, so that totals equal the `usage` "
        "they were told by models; `cache` is what it answered instead of them, at no cost, `indexing` and `retrieval` "
        "what the platform spent for them",
    )


class CostsQuery(RangeQuery):
    bucket_width: Literal["1d"] = "1d"
    group_by: Words[CostGroup] = Field(default_factory=list[CostGroup])
    line_items: Words[str] | None = None
    sources: Words[Source] = Field(
        default=["api", "indexing", "retrieval"], description="whose calls count: all of them, since all are paid for"
    )


class UsageResult(Shape):
    """Sums over one bucket; a field to group by is null unless it was asked for."""

    input_tokens: int
    num_model_requests: int
    project_id: str | None = None
    user_id: None = None
    api_key_id: str | None = None
    model: str | None = None
    source: Source | None = None
    cost_microusd: int


class CompletionsResult(UsageResult):
    object: Literal["organization.usage.completions.result"] = "organization.usage.completions.result"
    output_tokens: int
    input_cached_tokens: int
    output_reasoning_tokens: int
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    batch: bool | None = None


class EmbeddingsResult(UsageResult):
    object: Literal["organization.usage.embeddings.result"] = "organization.usage.embeddings.result"


class Amount(Shape):
    value: float
    currency: Literal["usd"] = "usd"


class CostsResult(Shape):
    """A line item is `{model}, {operation}`. `cost_microusd` is ours: the amount without what a float loses."""

    object: Literal["organization.costs.result"] = "organization.costs.result"
    amount: Amount
    line_item: str | None = None
    project_id: str | None = None
    api_key_id: str | None = None
    cost_microusd: int


class UsageBucket[Result: UsageResult | CostsResult](Shape):
    """Seconds since the epoch, end exclusive. The first and the last of a range are cut to it."""

    object: Literal["bucket"] = "bucket"
    start_time: int
    end_time: int
    results: list[Result]


class UsagePage[Result: UsageResult | CostsResult](Shape):
    object: Literal["page"] = "page"
    data: list[UsageBucket[Result]]
    has_more: bool
    next_page: str | None
