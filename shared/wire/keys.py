"""API keys and the audit log, in the shapes of OpenAI's administration API.

https://platform.openai.com/docs/api-reference/admin-api-keys and .../audit-logs. Ours on top: `scopes`, `principals`,
`project_id` (a project is a tenant) and the limits, which have the names of OpenAI's limits of projects.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from shared.wire.lists import ListQuery
from shared.wire.scopes import EVERY_SCOPE, ORDINARY, Scope
from shared.wire.shape import Shape

_TEN_YEARS_S = 10 * 366 * 86_400

Name = Annotated[str, Field(min_length=1, max_length=200)]
Principal = Annotated[str, Field(pattern=r"^[^\s,][^,]{0,127}$")]
Tenant = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
PerMinute = Annotated[int, Field(ge=1, le=1_000_000_000)]


class KeyBody(Shape):
    """What a new key is to be. A field that we do not have is refused: a mistyped one would give the wrong rights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    expires_in_seconds: int | None = Field(default=None, ge=1, le=_TEN_YEARS_S)
    scopes: tuple[Scope, ...] = Field(default=ORDINARY, min_length=1, max_length=len(EVERY_SCOPE))
    principals: tuple[Principal, ...] = Field(default=(), max_length=64)
    max_requests_per_1_minute: PerMinute | None = None
    max_tokens_per_1_minute: PerMinute | None = None
    project_id: Tenant | None = Field(default=None, description="the tenant; default: the caller's own")


class KeyChange(Shape):
    """What is to change; a field that is absent stays as it is, and a limit of null is taken away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = ""
    max_requests_per_1_minute: PerMinute | None = None
    max_tokens_per_1_minute: PerMinute | None = None


class KeyQuery(ListQuery):
    """Oldest first, as OpenAI has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: Literal["asc", "desc"] = "asc"


class Owner(Shape):
    """OpenAI's keys belong to users; ours to a tenant, which `project_id` names, and to whom their name says."""

    type: Literal["user"] = "user"
    object: Literal["organization.user"] = "organization.user"
    id: str
    name: str
    role: Literal["owner"] = "owner"
    created_at: int


class KeyObject(Shape):
    object: Literal["organization.admin_api_key"] = "organization.admin_api_key"
    id: str
    name: str
    redacted_value: str
    created_at: int
    expires_at: int | None
    last_used_at: None = None
    owner: Owner
    scopes: list[Scope]
    principals: list[str]
    max_requests_per_1_minute: int | None
    max_tokens_per_1_minute: int | None
    project_id: str


class NewKeyObject(KeyObject):
    """With the key itself, which is shown this once."""

    value: str


AuditEvent = Literal[
    "api_key.created",
    "api_key.updated",
    "api_key.deleted",
    "project.updated",
    "project.deleted",
    "project.exported",
]


class AuditQuery(ListQuery):
    """Newest first. A filter that we do not have is refused: ignored, it would answer wrongly."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ActorKey(Shape):
    type: Literal["service_account"] = "service_account"
    id: str | None


class Actor(Shape):
    type: Literal["api_key"] = "api_key"
    api_key: ActorKey


class Project(Shape):
    """The tenant of the acting key, which differs from the log's own when an operator acted."""

    id: str
    name: str


class AuditObject(Shape):
    """What happened is said under its own type's name: `{"type": "api_key.created", "api_key.created": {"id": …}}`."""

    model_config = ConfigDict(extra="allow")

    object: Literal["organization.audit_log"] = "organization.audit_log"
    id: str
    type: AuditEvent
    effective_at: int
    actor: Actor
    project: Project
