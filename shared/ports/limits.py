"""Limits on what may be asked of the models: who may use how much of them, and who waits."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


class Share(Protocol):
    """What one kind of work may use of a model that others use too."""

    def use(self, tenant: str, tokens: int) -> AbstractAsyncContextManager[None]:
        """Wait until there is room for one call of about so many tokens, and hold it while the context lasts.

        Raise RateLimitError, with the seconds until there may be room, instead of waiting long.
        """
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an attempt to take from a rate. Times are the store's, in seconds of Unix time.

    `tat` is the theoretical arrival time of GCRA: when all that was taken would have flowed in at the rate.
    """

    granted: bool
    tat: float
    now: float


class Rates(Protocol):
    """Rates that all instances share: one number a scope, moved by one conditional write (GATEWAY, "Limits").

    https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
    """

    async def take(self, scope: str, *, cost_s: float, burst_s: float) -> Taken:
        """Move `tat` ahead by `cost_s`, from now if it lies behind, unless it would then be over `burst_s` ahead of
        now. What costs more than `burst_s` is granted when nothing is owed.

        Time is the store's, so no instance's clock matters. A write whose answer got lost may have taken and is taken
        again: never less than was granted. Raises CapacityError.
        """
        ...
