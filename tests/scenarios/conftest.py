"""One Azurite, one scripted model server and one running product for all scenarios of a session."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from local.azurite import Azurite, AzuriteConfig
from tests.scenarios.deck import Deck, running
from tests.upstream import ScriptedUpstream

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The product and the model server live in the loop of the session; so do the tests that talk to them.
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@asynccontextmanager
async def _storage(folder: Path) -> AsyncIterator[Azurite]:
    server = Azurite(AzuriteConfig(data_dir=folder))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def azurite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Azurite]:
    async with _storage(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def own_azurite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Azurite]:
    """Storage for a second product: on one account the two would take each other's messages."""
    async with _storage(tmp_path_factory.mktemp("own_azurite")) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def product(
    tmp_path_factory: pytest.TempPathFactory, azurite: Azurite, upstream: ScriptedUpstream
) -> AsyncIterator[Deck]:
    async with running(tmp_path_factory.mktemp("product"), azurite, upstream) as deck:
        yield deck


@pytest.fixture
def deck(product: Deck) -> Deck:
    """The product, with the model server's scripts and journal as new."""
    product.upstream.steps.reset()
    product.upstream.journal.reset()
    return product
