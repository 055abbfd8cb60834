"""Time, randomness and new ids."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time in UTC, aware."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def new_id(self, prefix: str) -> str:
        """`prefix` + an id that is unguessable (80 random bits) and sorts by the time it was made."""
        ...
