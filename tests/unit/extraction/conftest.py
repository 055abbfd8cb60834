"""What the extraction tests share."""

from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from shared.retrieval.extraction import Extractor, Limits
from tests.unit.extraction.processes import measured


@pytest.fixture
def environment() -> Mapping[str, str]:
    return measured()


@pytest.fixture
async def make_extractor(environment: Mapping[str, str]) -> AsyncIterator[Callable[..., Extractor]]:
    made: list[Extractor] = []

    def make(**limits: float) -> Extractor:
        made.append(Extractor(Limits(**limits), environment=environment))
        return made[-1]

    yield make
    for each in made:
        await each.close()
