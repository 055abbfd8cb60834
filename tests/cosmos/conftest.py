"""One fake gateway a test, and the adapter over it."""

from collections.abc import AsyncIterator

import pytest

from shared.adapters.cosmos.account import CosmosAccount
from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.cosmos.records import CosmosRecords
from shared.adapters.cosmos.usage import CosmosUsageLedger
from shared.ports.records import FileRecord
from tests.contracts.stores import DIMENSIONS
from tests.cosmos import worlds
from tests.cosmos.fake import FakeCosmos


@pytest.fixture
async def fake() -> AsyncIterator[FakeCosmos]:
    async with FakeCosmos(worlds.definitions(DIMENSIONS)) as fake:
        yield fake


@pytest.fixture
async def account(fake: FakeCosmos) -> AsyncIterator[CosmosAccount]:
    async with worlds.account(fake) as account:
        yield account


@pytest.fixture
def files(account: CosmosAccount) -> CosmosRecords[FileRecord]:
    return CosmosRecords(account, FileRecord)


@pytest.fixture
def ledger(account: CosmosAccount) -> CosmosUsageLedger:
    return CosmosUsageLedger(account)


@pytest.fixture
def chunks(account: CosmosAccount) -> CosmosChunks:
    return CosmosChunks(account, dimensions=DIMENSIONS, embedding_model="test")
