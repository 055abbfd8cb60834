"""What every store that outlives a process promises about the embedding model of its chunks."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from shared.adapters.cosmos.chunks import CosmosChunks
from shared.adapters.sqlite.chunks import SqliteChunks
from shared.adapters.sqlite.connection import SqliteDatabase
from shared.errors import PlatformError
from shared.ports.chunks import Chunks
from tests.contracts.stores import DIMENSIONS, X, chunk
from tests.cosmos.worlds import CONTRACT

STORES = ("sqlite", *(f"cosmos {weather}" for weather in CONTRACT))

type Start = Callable[[str, int], Chunks]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "flightdeck.db")
    yield database
    await database.close()


@pytest.fixture(params=STORES)
def start(request: pytest.FixtureRequest) -> Start:
    """The chunks of one store as a process sees them that was started with this model and its dimensions."""
    if request.param == "sqlite":
        database = request.getfixturevalue("database")
        return lambda model, size: SqliteChunks(database, dimensions=size, embedding_model=model)
    account = request.getfixturevalue("cosmos").under(request.param)
    return lambda model, size: CosmosChunks(account, dimensions=size, embedding_model=model)


@pytest.mark.parametrize(("model", "dimensions"), [("other", DIMENSIONS), ("first", DIMENSIONS + 1)])
async def test_another_model_is_refused_with_both_the_settings_and_the_way_out(
    start: Start, model: str, dimensions: int
) -> None:
    await start("first", DIMENSIONS).put([chunk("c")])
    other, vector = start(model, dimensions), (1.0,) * dimensions
    clear = (
        rf"embeddings of 'first' with 4 dimensions; the settings \(FLIGHTDECK_EMBEDDING_MODEL, FLIGHTDECK_MODELS\)"
        rf" ask for '{model}' with {dimensions}\. Set them back, or embed everything anew: docs/operations.md"
    )
    for call in (
        other.put([chunk("d", embedding=vector)]),
        other.search("t", "s", vector=vector, text="", principals=(), limit=1),
    ):
        with pytest.raises(PlatformError, match=clear) as refused:
            await call
        assert refused.value.code == "embedding_model_mismatch"


async def test_the_same_model_goes_on_after_a_restart(start: Start) -> None:
    await start("first", DIMENSIONS).put([chunk("c")])
    again = start("first", DIMENSIONS)
    await again.put([chunk("d", document_id="e")])
    await again.publish("t", "s", "d", 1)
    found = await again.search("t", "s", vector=X, text="", principals=(), limit=5)
    assert [hit.id for hit, _ in found.by_vector] == ["c"]


async def test_reading_alone_fixes_no_model(start: Start) -> None:
    await start("first", 3).search("t", "s", vector=(1, 0, 0), text="", principals=(), limit=1)
    await start("second", DIMENSIONS).put([chunk("c")])
