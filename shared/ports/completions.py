"""Chat completions that clients asked to have stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CompletionRecord:
    """`answer` is the completion on the wire, as JSON. What was asked is kept as the items of a conversation of this
    id: one for each message."""

    id: str
    tenant: str
    created_at: datetime
    model: str
    answer: str
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
