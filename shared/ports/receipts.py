"""What was answered to requests that carry a key of their own, so that one which is repeated is not done twice."""

from dataclasses import dataclass
from typing import Protocol

from shared.errors import TooLargeError

MAX_ANSWER_BYTES = 500_000


@dataclass(frozen=True, slots=True)
class Receipt:
    """`fingerprint` stands for all that was asked; `answer` is JSON, None as long as the request is under way."""

    fingerprint: str
    answer: str | None = None
    status: int = 200


class Receipts(Protocol):
    """Receipts by key; one call stays in one tenant. An entry is gone when its time is over.

    Raises CapacityError when the store throttles or cannot be reached.
    """

    async def claim(self, tenant: str, key: str, claim: str, fingerprint: str, *, ttl_s: int) -> Receipt | None:
        """Take the key for so many seconds: None; or what it was taken for by another claim. Of several at once one
        gets it."""
        ...

    async def settle(self, tenant: str, key: str, claim: str, answer: str, *, status: int, ttl_s: int) -> None:
        """Keep the answer for `ttl_s` seconds from now. Nothing happens when the claim has not got the key, or no more.

        Raise TooLargeError for an answer over `MAX_ANSWER_BYTES`.
        """
        ...

    async def release(self, tenant: str, key: str, claim: str) -> None:
        """Give the key back, if the claim has got it."""
        ...


def check_answer(answer: str) -> None:
    """Raise TooLargeError."""
    size = len(answer.encode())
    if size > MAX_ANSWER_BYTES:
        raise TooLargeError(f"The answer has {size} bytes; {MAX_ANSWER_BYTES} can be kept.")
