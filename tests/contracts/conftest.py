"""What the contract tests share: one Azurite a session, one fake of the Cosmos DB gateway a test."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from shared.adapters.cosmos.account import CosmosAccount
from tests.contracts import azurite
from tests.contracts.stores import DIMENSIONS
from tests.cosmos.fake import FakeCosmos
from tests.cosmos.worlds import account, clouded, definitions


@dataclass(frozen=True)
class Cosmos:
    """The adapter's account, and the fake gateway behind it."""

    account: CosmosAccount
    fake: FakeCosmos

    def under(self, store: str) -> CosmosAccount:
        clouded(self.fake, store)
        return self.account


@pytest.fixture
async def cosmos() -> AsyncIterator[Cosmos]:
    # Small pages: whatever a test lists or sweeps takes several.
    async with FakeCosmos(definitions(DIMENSIONS), page_items=3) as fake, account(fake) as opened:
        yield Cosmos(opened, fake)


@pytest.fixture(scope="session")
def storage_connection() -> Iterator[str]:
    if not azurite.BINARY.exists():
        pytest.fail("Azurite is missing: run `npm ci`.")
    with azurite.running() as connection:
        yield connection
