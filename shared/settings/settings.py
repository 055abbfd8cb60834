"""Every setting the platform reads, in one place."""

import os
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Json, TypeAdapter, ValidationError, model_validator

from shared.settings.catalogue import EntraSettings, LimitSettings, ModelSettings
from shared.settings.environment import OF_CLIENTS, PREFIX, RECONCILE_SCHEDULE, STORAGE, ConfigurationError


class Settings(BaseModel):
    """Frozen after load. Each field is the app setting FLIGHTDECK_<NAME>."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    store: str = Field(
        pattern=r"^(sqlite:///.+|cosmos:https://\S+|cosmos:http://127\.0\.0\.1:\d+\S*)$",
        description="where records, chunks and the ledger live: `sqlite:///path`, or `cosmos:` and the account's URL"
        " (an emulator on this machine over http; tests only)",
    )
    models: Annotated[Mapping[str, ModelSettings], BeforeValidator(TypeAdapter(Json[object]).validate_python)] = Field(
        min_length=1, description="JSON catalogue: model name to its deployments"
    )
    limits: Annotated[tuple[LimitSettings, ...], BeforeValidator(TypeAdapter(Json[object]).validate_python)] = Field(
        default=(), description="JSON list of {per, requests, tokens, model, tenant, key}: what may be used in a minute"
    )
    cache_ttl_s: int = Field(
        default=3600, ge=0, le=30 * 86400, description="how long an answer is kept to be given again; 0: none is kept"
    )
    cache_max_bytes: int = Field(default=256_000, gt=0, le=1_500_000, description="a longer answer is not kept")
    rewrite_model: str | None = Field(
        default=None, description="which chat model writes queries anew for `rewrite_query`; default: the first"
    )
    cache_similarity: float = Field(
        default=0.95,
        ge=0.8,
        le=1,
        description="how alike two questions must be for one answer to do for both, where a tenant's policy allows it",
    )
    embedding_model: str | None = Field(default=None, description="which model embeds documents; default: the only one")
    embedding_model_next: str | None = Field(
        default=None,
        description="the embedding model that is to take its place: documents are carried over, then it answers",
    )
    migration_overlap_s: float = Field(
        default=900,
        ge=0,
        description="how long a process with older settings may outlive a change of them; the next embedding model"
        " does not answer before",
    )
    keys_file: str | None = Field(default=None, description="JSON list of {id, hmac, tenant, principals, scopes}")
    key_pepper: str = Field(default="", description="secret under which API keys are hashed")
    key_cache_s: float = Field(
        default=30,
        gt=0,
        description="how long a key of the store is remembered, and so how long one may go on that was revoked",
    )
    bootstrap_key: str = Field(
        default="",
        pattern=r"^$|^\S{32,}$",
        description="the first administrator's key, with every scope: to make the others with; none: there is none",
    )
    bootstrap_tenant: str = Field(
        default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", description="the tenant of that key"
    )
    cors_origins: str = Field(
        default="",
        pattern=r"^((\*|https?://[^/\s,*]+)([\s,]+|$))*$",
        description="origins of the pages in browsers that may call the API, with commas between, or `*`; none: none",
    )
    entra: Annotated[
        EntraSettings | None,
        BeforeValidator(lambda value: TypeAdapter(Json[object]).validate_python(value) if value else None),
    ] = Field(
        default=None, description="JSON object: whose access tokens are accepted besides API keys (docs/identity.md)"
    )
    blob_trigger: bool = Field(default=True, description="listen to blob events with a blob trigger too")
    storage_connection: str | None = Field(
        default=None, alias="AzureWebJobsStorage", description="connection string of the storage account, with a key"
    )
    storage_blobs_url: str | None = Field(
        default=None, alias="AzureWebJobsStorage__blobServiceUri", description="without a key: its blob service"
    )
    storage_queues_url: str | None = Field(
        default=None, alias="AzureWebJobsStorage__queueServiceUri", description="without a key: its queue service"
    )
    client_id: str | None = Field(
        default=None, alias="AzureWebJobsStorage__clientId", description="the app's user-assigned identity"
    )
    max_body_bytes: int = Field(default=8_000_000, gt=0, description="largest JSON body of a request")
    max_file_bytes: int = Field(default=100_000_000, gt=0, description="largest file one request can upload")
    first_event_s: float = Field(
        default=15, gt=0, description="wait for a stream's first event before committing to 200"
    )
    ttft_s: float = Field(
        default=30, gt=0, description="wait for a stream's first content before another deployment is asked"
    )
    idle_s: float = Field(default=60, gt=0, description="longest silence of a model in the middle of an answer")
    gather_s: float = Field(
        default=0.125,
        ge=0,
        le=1,
        description="what a model says within so long of what was passed on follows it as one piece; the first word"
        " never waits; 0: each piece as it comes",
    )
    deadline_s: float = Field(default=220, gt=0, description="longest wait for a plain answer")
    traces: str | None = Field(
        default=None,
        pattern=r"^file:///.+$",
        description="write spans and metrics to this file, `file:///path`, and not to Application Insights",
    )
    trace_ratio: float = Field(default=1, ge=0, le=1, description="share of the traces that begin here to be recorded")
    insights: str | None = Field(
        default=None,
        alias="APPLICATIONINSIGHTS_CONNECTION_STRING",
        description="where spans and metrics go, with the app's identity",
    )
    erasure_wait_s: float = Field(
        default=720,
        ge=0,
        description="how long a tenant's erasure waits after its keys are revoked for what is under way: longer than"
        " the host's functionTimeout and FLIGHTDECK_KEY_CACHE_S together",
    )
    lease_s: float = Field(default=120, gt=0, description="how long a run holds a document before another may take it")
    part_pages: int = Field(default=200, gt=0, description="a PDF of more pages is indexed in parts of so many")
    part_bytes: int = Field(
        default=2 * 2**20, ge=256, description="a file with more text is indexed in parts of about so many bytes"
    )
    reconcile_schedule: str = Field(
        default=RECONCILE_SCHEDULE,
        pattern=r"^\S+( \S+){5}$",
        description="when `reconcile_documents` looks for what events missed: six fields, seconds first",
    )

    @model_validator(mode="after")
    def _deployments_have_their_own_ids(self) -> Self:
        ids = [deployment.id for model in self.models.values() for deployment in model.deployments]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"FLIGHTDECK_MODELS has two deployments with the id {twice[0]!r}")
        return self

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read and check all settings. Raise ConfigurationError that names the setting that is wrong."""
        environ = os.environ if environ is None else environ
        names = {name for name in environ if name.startswith(PREFIX)} - OF_CLIENTS
        found: dict[str, str] = {k.removeprefix(PREFIX).lower(): v for k, v in environ.items() if k in names}
        ours = {name for name, field in cls.model_fields.items() if field.alias is None}
        if unknown := sorted(found.keys() - ours):
            raise ConfigurationError(f"Unknown setting {PREFIX + unknown[0].upper()!r}.")
        hosts = {field.alias for field in cls.model_fields.values() if field.alias is not None}
        found |= {name: environ[name] for name in hosts & environ.keys()}
        _refuse_unresolved(found)
        try:
            settings = cls.model_validate(found)
        except ValidationError as error:
            raise ConfigurationError(_explain(error)) from error
        if not settings.storage_connection and not (settings.storage_blobs_url and settings.storage_queues_url):
            raise ConfigurationError(
                f"{STORAGE} is missing: a connection string, or {STORAGE}__blobServiceUri and "
                f"{STORAGE}__queueServiceUri for use with an identity."
            )
        if not settings.store.startswith("cosmos:https:") and "WEBSITE_INSTANCE_ID" in environ:
            raise ConfigurationError(
                f"{PREFIX}STORE is {settings.store!r}: on Azure each instance would have its own data."
            )
        if not settings.key_pepper and "WEBSITE_INSTANCE_ID" in environ:
            raise ConfigurationError(f"{PREFIX}KEY_PEPPER is missing: on Azure keys are not hashed without one.")
        return settings


def _refuse_unresolved(found: Mapping[str, str]) -> None:
    """Where the vault cannot be read, Azure hands over the reference itself: as a pepper it would be public."""
    for name, value in found.items():
        if value.startswith("@Microsoft.KeyVault("):
            setting = name if name.startswith(STORAGE) else PREFIX + name.upper()
            raise ConfigurationError(f"{setting} is a reference to a vault that the app could not read: {value}")


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if not first["loc"]:
        return f"{first['msg'].removeprefix('Value error, ')}."
    name, *inside = [str(part) for part in first["loc"]]
    setting = name if name.startswith(STORAGE) else PREFIX + name.upper()
    return f"{setting} is wrong{' at ' + '.'.join(inside) if inside else ''}: {first['msg']}."
