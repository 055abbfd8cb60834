"""The shapes of the settings that are JSON: models, their deployments, limits, directories."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.wire.claims import Guid
from shared.wire.keys import Tenant
from shared.wire.scopes import ORDINARY, Scope


class DeploymentSettings(BaseModel):
    """One deployment of a model. Prices are US dollars for a million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    id: str
    endpoint: str = Field(description="base URL that ends where /chat/completions begins")
    kind: Literal["openai", "azure"] = "openai"
    model: str
    api_key: str | None = None
    input_usd: float = Field(default=0, ge=0)
    cached_usd: float | None = Field(default=None, ge=0, description="default: what any other input token costs")
    output_usd: float = Field(default=0, ge=0)
    priority: int = Field(default=1, ge=0, description="the lowest is asked first")
    weight: float = Field(default=1, gt=0, description="share of the calls among equals of priority")


class ModelSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    kind: Literal["chat", "embedding"] = "chat"
    deployments: tuple[DeploymentSettings, ...] = Field(min_length=1)
    context_tokens: int = Field(default=128_000, gt=0)
    dimensions: int | None = Field(default=None, gt=0)
    languages: tuple[Annotated[str, Field(pattern="^[a-z]{2}$")], ...] | None = Field(
        default=None,
        min_length=1,
        description="what an embedding model knows, as ISO 639-1 codes; questions in others are searched by their"
        " words. Default: all",
    )

    index: str = Field(
        default="",
        pattern=r"^[a-z0-9-]{0,40}$",
        description="which index an embedding model's vectors are kept in: the first model's has no name, each further"
        " one needs its own (container `chunks-…`, or a file beside the store's)",
    )

    @model_validator(mode="after")
    def _embedding_has_dimensions(self) -> Self:
        if self.kind == "embedding" and self.dimensions is None:
            raise ValueError("an embedding model needs `dimensions`")
        return self


class LimitSettings(BaseModel):
    """Requests and tokens a minute; `model`, `tenant` and `key` narrow it to those."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per: Literal["tenant", "key"] = "tenant"
    requests: int | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    model: str | None = None
    tenant: str | None = None
    key: str | None = None


_SCOPES: dict[str, tuple[Scope, ...]] = {
    "Flightdeck.Use": ORDINARY,
    "Flightdeck.Admin": (*ORDINARY, "admin"),
}


class EntraSettings(BaseModel):
    """Whose access tokens of Entra ID are accepted, and what they stand for."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    tenants: Mapping[Guid, Tenant] = Field(
        min_length=1, description="each directory that is allowed, by its tenant id, and which of our tenants it is"
    )
    audiences: tuple[str, ...] = Field(
        min_length=1, description="what `aud` may be: the client id of the app's registration"
    )
    scopes: Mapping[str, tuple[Scope, ...]] = Field(
        default=_SCOPES,
        min_length=1,
        description="what a word in `roles` or `scp` allows; `admin` and `operator` come from `roles` alone",
    )
    authority: str = Field(
        default="https://login.microsoftonline.com",
        pattern=r"^(https://[a-z0-9.-]+|http://127\.0\.0\.1:\d+)$",
        description="who signs: another in a national cloud (over http on this machine; tests only)",
    )
