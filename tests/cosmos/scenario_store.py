"""Which store the scenarios run on: SQLite, or with TEST_STORE=cosmos the Cosmos adapter over the fake.

    TEST_STORE=cosmos pytest tests/scenarios

For tests only: the fake keeps everything in the memory of the test process. No FLIGHTDECK_ prefix: the product refuses
settings that it does not know.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from shared.adapters.cosmos.containers import CHUNKS
from tests.cosmos.fake import FakeCosmos
from tests.cosmos.fake.items import Container
from tests.cosmos.worlds import definitions

DIMENSIONS = 384
"""Of the model that the scenarios' catalogue names."""

_kept: dict[Path, dict[str, Container]] = {}


@asynccontextmanager
async def chosen_store(folder: Path) -> AsyncIterator[str]:
    """FLIGHTDECK_STORE for a product that lives in the folder. A second start finds what the first left."""
    if os.environ.get("TEST_STORE", "sqlite") == "sqlite":
        yield f"sqlite:///{folder / 'store.db'}"
        return
    further = [{**one, "id": "chunks-second"} for one in definitions(DIMENSIONS) if one["id"] == CHUNKS]
    async with FakeCosmos([*definitions(DIMENSIONS), *further]) as fake:
        fake.containers = _kept.setdefault(folder, fake.containers)
        yield f"cosmos:{fake.url}"
