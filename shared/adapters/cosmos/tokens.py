"""The process's identity, as the Cosmos SDK wants to be refused."""

from types import TracebackType
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError

from shared.errors import CapacityError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.credentials_async import AsyncTokenCredential


class CosmosTokens:
    """An AsyncTokenCredential. Closing it does not close the identity, which other clients share.

    The SDK asks for a token of the account, and where the directory says that it does not know the account
    (AADSTS500011), for one of all accounts: it must see the directory's own words, which our error has as its cause.
    """

    def __init__(self, identity: "AsyncTokenCredential") -> None:
        self._identity = identity

    async def get_token(self, *scopes: str, **options: Any) -> "AccessToken":
        """Raise what the directory said, or CapacityError when it was not asked."""
        try:
            return await self._identity.get_token(*scopes, **options)
        except CapacityError as error:
            if isinstance(error.__cause__, AzureError):
                raise error.__cause__ from error
            raise

    async def close(self) -> None:
        return

    async def __aenter__(self) -> "CosmosTokens":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        return
