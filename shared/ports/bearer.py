"""Tokens that a directory signed about somebody who signed in with it, and not with an API key."""

from collections.abc import Mapping
from typing import Protocol


class BearerTokens(Protocol):
    async def claims(self, token: str) -> Mapping[str, object]:
        """What a token says: signed by a directory that we trust, for us, and at this moment.

        Raise AuthenticationError when it is not; OverloadedError when that cannot be told, since the directory's keys
        cannot be had.
        """
        ...
