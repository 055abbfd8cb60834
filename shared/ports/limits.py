"""Limits on what may be asked of the models: who may use how much of them, and who waits."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Share(Protocol):
    """What one kind of work may use of a model that others use too."""

    def use(self, tenant: str, tokens: int) -> AbstractAsyncContextManager[None]:
        """Wait until there is room for one call of about so many tokens, and hold it while the context lasts.

        Raise RateLimitError, with the seconds until there may be room, instead of waiting long.
        """
        ...
