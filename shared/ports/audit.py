"""What was done to a tenant's administration, by whom and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.wire.keys import AuditEvent

type Detail = str | int | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One act, noted before it is done. `actor` is the id of the acting key, of `actor_tenant`; `target` what it acts
    on; `details` say what was asked for, never a secret."""

    id: str
    tenant: str
    type: AuditEvent
    at: datetime
    actor: str | None
    actor_tenant: str
    target: str
    details: Mapping[str, Detail] = field(default_factory=dict[str, Detail])
