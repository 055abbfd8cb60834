"""Files, vector stores, folders and documents: small typed records under one tenant, guarded by etags."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from shared.ports.audit import AuditRecord
from shared.ports.completions import CompletionRecord
from shared.ports.conversations import ConversationRecord
from shared.ports.erasure import ErasureRecord
from shared.ports.exports import ExportRecord
from shared.ports.keys import KeyRecord
from shared.ports.policies import PolicyRecord
from shared.ports.responses import ResponseRecord

MAX_RECORD_BYTES = 2_000_000
"""The largest item Cosmos DB stores (2 MB); every adapter holds to it, so that none is laxer than production."""

DocumentState = Literal["queued", "extracting", "embedding", "ready", "failed", "needs_ocr", "empty", "deleted"]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file: uploaded through the API (`container` files), or dropped as a blob (`container` documents)."""

    id: str
    tenant: str
    filename: str
    purpose: str
    size_bytes: int
    created_at: datetime
    container: str
    blob_name: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """A file that comes in parts. `part_ids` is the order in which it is, or is being, made of them; `lifetime_s` is
    how long the file is to be kept."""

    id: str
    tenant: str
    filename: str
    purpose: str
    content_type: str
    size_bytes: int
    created_at: datetime
    expires_at: datetime
    file_id: str
    lifetime_s: int | None = None
    status: Literal["pending", "completed", "cancelled"] = "pending"
    part_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UploadPartRecord:
    """A part whose bytes have arrived whole, as so many blocks."""

    id: str
    tenant: str
    upload_id: str
    size_bytes: int
    blocks: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VectorStoreRecord:
    """One vector store. `active_at` is when it was last searched or changed, to the hour; with `expires_days` it
    expires so many days later."""

    id: str
    tenant: str
    name: str
    created_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    description: str = ""
    expires_days: int | None = None
    active_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileBatchRecord:
    """Files that were put into a vector store at once: how far they are, their documents say."""

    id: str
    tenant: str
    store_id: str
    created_at: datetime
    file_ids: tuple[str, ...]
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class FolderRecord:
    """Which vector store the folder `{tenant}/{name}` of the `documents` container feeds. `id` is the name."""

    id: str
    tenant: str
    store_id: str


@dataclass(frozen=True, slots=True)
class LastError:
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Nudge:
    """That `reconcile_documents` asked for this version of the blob (None: for its absence) to be looked at."""

    at: datetime
    blob_etag: str | None


type Attribute = str | float | bool


@dataclass(frozen=True, slots=True)
class Chunking:
    """How large passages may be, and how much of one the next repeats, in tokens."""

    max_tokens: int
    overlap_tokens: int


@dataclass(frozen=True, slots=True)
class FanOut:
    """How far a generation is that is made in `parts`: which are `done`, counted from 0, and when the last was.

    `content_hash` and `inputs` are what it is made of, for the record once it is ready.
    """

    parts: int
    content_hash: str
    inputs: str
    moved_at: datetime
    done: tuple[int, ...] = ()

    @property
    def complete(self) -> bool:
        return len(self.done) == self.parts


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """One file in one vector store: what is known of its index. `id` is `document_id(store_id, file_id)`.

    `generation` is the newest that any run has claimed; it only grows, also across deletion, which is why a deleted
    document keeps its record. `claim` names the queue message whose run holds it, until `claimed_until`. `acl` lists
    the principals that may read it, empty for everyone; `inputs` is a digest of the attributes and acl that the
    generation which answers was made with. `chunking` is None where the platform chooses.
    """

    id: str
    tenant: str
    store_id: str
    file_id: str
    filename: str
    container: str
    blob_name: str
    created_at: datetime
    state: DocumentState = "queued"
    blob_etag: str | None = None
    content_hash: str | None = None
    generation: int = 0
    claim: str | None = None
    claimed_until: datetime | None = None
    chunks: int = 0
    tokens: int = 0
    usage_bytes: int = 0
    attempts: int = 0
    last_error: LastError | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])
    acl: tuple[str, ...] = ()
    inputs: str = ""
    timings_ms: Mapping[str, int] = field(default_factory=dict[str, int])
    nudge: Nudge | None = None
    fan_out: FanOut | None = None
    chunking: Chunking | None = None


def document_id(store_id: str, file_id: str) -> str:
    return f"{store_id}:{file_id}"


SYSTEM = "_system"
"""The tenant of what belongs to no tenant."""


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant that has, or once had, documents: how timers find every partition. `id` is the tenant's name."""

    id: str
    tenant: str = SYSTEM


@dataclass(frozen=True, slots=True)
class CursorRecord:
    """How far a timer has come with what takes it several runs. `position` is its own business."""

    id: str
    position: str
    tenant: str = SYSTEM


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """Which index of chunks answers searches, by the name of its embedding space."""

    live: str
    id: str = "index"
    tenant: str = SYSTEM


type Record = (
    FileRecord
    | UploadRecord
    | UploadPartRecord
    | VectorStoreRecord
    | FileBatchRecord
    | FolderRecord
    | DocumentRecord
    | TenantRecord
    | CursorRecord
    | IndexRecord
    | ConversationRecord
    | CompletionRecord
    | KeyRecord
    | AuditRecord
    | PolicyRecord
    | ResponseRecord
    | ErasureRecord
    | ExportRecord
)


@dataclass(frozen=True, slots=True)
class Stored[T]:
    """A value as a store holds it. `cost` is what the operation took, in request units (0 for embedded stores)."""

    value: T
    etag: str
    cost: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Page[T]:
    items: tuple[Stored[T], ...]
    has_more: bool
    cost: float = field(default=0.0, compare=False)


class Records[T: Record](Protocol):
    """All records of one type. Every call stays inside one tenant's partition.

    Raises, besides what each method says: `TooLargeError` for a record over `MAX_RECORD_BYTES`, `RateLimitError` when
    the store throttles, `AmbiguousError` when a write may or may not have happened.
    """

    async def get(self, tenant: str, record_id: str) -> Stored[T]:
        """Raise NotFoundError when there is none."""
        ...

    async def create(self, value: T) -> Stored[T]:
        """Raise ConflictError when the id is taken."""
        ...

    async def replace(self, value: T, *, if_match: str) -> Stored[T]:
        """Raise PreconditionFailedError when the etag has changed, NotFoundError when the record is gone."""
        ...

    async def delete(self, tenant: str, record_id: str, *, if_match: str | None = None) -> None:
        """Raise NotFoundError when there is none, PreconditionFailedError when the etag has changed."""
        ...

    async def list(
        self,
        tenant: str,
        *,
        where: Mapping[str, str] | None = None,
        order: Literal["asc", "desc"] = "desc",
        limit: int = 20,
        after: str | None = None,
        before: str | None = None,
    ) -> Page[T]:
        """Records in the order of their ids, which is the order of creation for ids that `Clock.new_id` made.

        `where` holds equalities on string fields. `after` and `before` are ids, exclusive; the record itself may be
        gone. With `before` alone, the page is the one that ends just before it. `has_more` speaks of the direction
        of the walk.
        """
        ...
