"""Conversations: a record of each among the tenant's others, and its items in the order in which they came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from pydantic_core import to_json

from shared.errors import InvalidRequestError, TooLargeError

MAX_TOGETHER = 99
"""Items of one append: a batch of Cosmos DB has 100 operations, and one of them counts the items."""

MAX_TOGETHER_BYTES = 900_000
"""What the items of one append may have together, each as JSON strings: as much as one batch takes."""


@dataclass(frozen=True, slots=True)
class ConversationRecord:
    """One conversation. A deleted one keeps its record until the last of its items is gone."""

    id: str
    tenant: str
    created_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    state: Literal["open", "deleted"] = "open"


@dataclass(frozen=True, slots=True)
class ConversationItem:
    """`body` is the item on the wire, as JSON, its id included."""

    id: str
    body: str


@dataclass(frozen=True, slots=True)
class ItemPage:
    items: tuple[ConversationItem, ...]
    has_more: bool


class ConversationItems(Protocol):
    """The items of conversations. Every call stays inside one conversation, whose id is unique in its tenant.

    Raises, besides what each method says: `RateLimitError` when the store throttles, `AmbiguousError` when a write may
    or may not have happened.
    """

    async def open(self, tenant: str, conversation_id: str, items: Sequence[ConversationItem] = ()) -> None:
        """Begin a conversation with these items. Raise ConflictError when it is there already; else as `append`."""
        ...

    async def append(self, tenant: str, conversation_id: str, items: Sequence[ConversationItem]) -> None:
        """One or more, in this order, with nothing in between, behind all that is there; or none of them.

        Raise NotFoundError when the conversation was never opened, or is being wiped; ConflictError for an id that an
        item of the conversation has or had; TooLargeError (`check_together`); OverloadedError when too many append at
        once.
        """
        ...

    async def get(self, tenant: str, conversation_id: str, item_id: str) -> ConversationItem:
        """Raise NotFoundError."""
        ...

    async def list(
        self,
        tenant: str,
        conversation_id: str,
        *,
        order: Literal["asc", "desc"] = "desc",
        limit: int = 20,
        after: str | None = None,
    ) -> ItemPage:
        """Items by the order in which they came; none for a conversation that is not there.

        `after` is exclusive, and may be an item that has been removed. Raise NotFoundError when it never was there.
        """
        ...

    async def remove(self, tenant: str, conversation_id: str, item_id: str) -> None:
        """Forget what the item says. Raise NotFoundError when there is none, or no more."""
        ...

    async def wipe(self, tenant: str, conversation_id: str, *, limit: int) -> bool:
        """Refuse further items, then erase those there are, `limit` of them at most: whether nothing is left.

        Repeat it until it is so; a crash at any moment, or another who does the same, does no harm.
        """
        ...


def check_together(items: Sequence[ConversationItem]) -> None:
    """Raise TooLargeError for more than one append may bring, InvalidRequestError for what is no text."""
    if len(items) > MAX_TOGETHER:
        raise TooLargeError(f"{len(items)} items are too many at once; {MAX_TOGETHER} are allowed.", param="items")
    size = sum(map(size_bytes, items))
    if size > MAX_TOGETHER_BYTES:
        message = f"The items have {size} bytes; {MAX_TOGETHER_BYTES} at once are allowed."
        raise TooLargeError(message, param="items")


def size_bytes(item: ConversationItem) -> int:
    try:
        return len(to_json((item.id, item.body)))
    except ValueError as error:
        raise InvalidRequestError("A text holds half a surrogate pair and cannot be stored.") from error
