"""A tenant's policy, which OpenAI's API has no one object for; fields have the names of its limits of projects.

https://platform.openai.com/docs/api-reference/project-rate-limits
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shared.wire.keys import PerMinute
from shared.wire.shape import Shape


class PolicyChange(Shape):
    """Fields that are absent stay as they are; null takes a limit away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_requests_per_1_minute: PerMinute | None = None
    max_tokens_per_1_minute: PerMinute | None = None
    monthly_budget_usd: Annotated[float, Field(ge=0, le=1_000_000_000, allow_inf_nan=False)] | None = None
    max_storage_bytes: Annotated[int, Field(ge=0, le=2**50)] | None = None
    semantic_cache: bool | None = Field(
        default=None, description="whether callers may get the answer to a question that means the same; null: no"
    )


class PolicyObject(Shape):
    object: Literal["organization.project.policy"] = "organization.project.policy"
    project_id: str
    max_requests_per_1_minute: int | None
    max_tokens_per_1_minute: int | None
    monthly_budget_usd: float | None
    max_storage_bytes: int | None
    used_storage_bytes: int
    semantic_cache: bool
