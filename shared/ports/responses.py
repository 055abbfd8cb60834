"""Responses: what was asked, and the moves that the answer was made of.

A move is what the answer gained by one step. A response, and every event of its stream with its number, follows from
its moves alone: so a stream can be taken up anywhere, while the response is being made and afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.ports.keys import UNLIMITED, KeyLimits


@dataclass(frozen=True, slots=True)
class Queued:
    """It waits in the queue."""

    kind: Literal["queued"] = "queued"


@dataclass(frozen=True, slots=True)
class Begun:
    """Work on it begins. What an earlier attempt left is no part of it any more."""

    kind: Literal["begun"] = "begun"


@dataclass(frozen=True, slots=True)
class Said:
    """Text of a message, as it came. The first opens the message."""

    pieces: tuple[str, ...]
    kind: Literal["said"] = "said"


@dataclass(frozen=True, slots=True)
class Refused:
    """The same, of a refusal."""

    pieces: tuple[str, ...]
    kind: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class Calling:
    """The model calls a function of the client's."""

    call_id: str
    name: str
    kind: Literal["calling"] = "calling"


@dataclass(frozen=True, slots=True)
class Argued:
    """Arguments of that call, as they came."""

    pieces: tuple[str, ...]
    kind: Literal["argued"] = "argued"


@dataclass(frozen=True, slots=True)
class Citation:
    """A file that a message rests on, where `index` characters of its text have been said."""

    file_id: str
    filename: str
    index: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The message or call that is open has come to its end; or has not, and there will be no more of it."""

    citations: tuple[Citation, ...] = ()
    whole: bool = True
    kind: Literal["closed"] = "closed"


@dataclass(frozen=True, slots=True)
class Searching:
    queries: tuple[str, ...]
    kind: Literal["searching"] = "searching"


@dataclass(frozen=True, slots=True)
class FoundText:
    """A passage, as its document was when it was found."""

    file_id: str
    filename: str
    score: float
    text: str
    tokens: int = 0
    page: int | None = None
    attributes: Mapping[str, str | float | bool] = field(default_factory=dict[str, str | float | bool])


@dataclass(frozen=True, slots=True)
class Found:
    """What the search that is open has found."""

    results: tuple[FoundText, ...] = ()
    kind: Literal["found"] = "found"


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens of all calls to the model together."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """The last move. `reason` says why it is incomplete, `code` and `message` why it failed."""

    status: Literal["completed", "incomplete", "failed", "cancelled"]
    at: datetime
    spent: Spent | None = None
    reason: Literal["max_output_tokens", "content_filter"] | None = None
    code: str = ""
    message: str = ""
    kind: Literal["ended"] = "ended"


type Move = Annotated[
    Queued | Begun | Said | Refused | Calling | Argued | Closed | Searching | Found | Ended, Field(discriminator="kind")
]


@dataclass(frozen=True, slots=True)
class ResponseRecord:
    """One response that is kept.

    `asked` is the request without its input; `input` are its own items, not those of what it follows, unless they are
    so large that they are kept in a blob (`has_blob`, container `files`, under the response's id). Who reads it must
    have all of `principals`: it may say what only they may read. `claim` names the queue message whose run makes
    it, until `claimed_until`; `key_id` and `limits` are those of the caller that the run stands for.
    """

    id: str
    tenant: str
    created_at: datetime
    asked: Mapping[str, Any]
    input: tuple[Mapping[str, Any], ...]
    moves: tuple[Move, ...] = ()
    principals: tuple[str, ...] = ()
    has_blob: bool = False
    key_id: str | None = None
    limits: KeyLimits = UNLIMITED
    claim: str | None = None
    claimed_until: datetime | None = None

    @property
    def ended(self) -> bool:
        return bool(self.moves) and isinstance(self.moves[-1], Ended)
