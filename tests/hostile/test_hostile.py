"""Every hostile file ends in the state that it should, and the file after it is read as if nothing had been."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.retrieval.extraction import Extractor, Limits
from tests.hostile.case import MIB, Case
from tests.hostile.outcomes import CASES, outcome
from tests.unit.extraction import files
from tests.unit.extraction.processes import children, measured

pytestmark = pytest.mark.asyncio(loop_scope="module")
# Coverage makes a file cost three times what the table in docs/hostile-files.md says.
LIMITS = Limits(cpu_s=15, deadline_s=30, memory_bytes=600 * MIB)
ATTEMPTS = 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def extractor() -> AsyncIterator[Extractor]:
    extractor = Extractor(LIMITS, environment=measured())
    yield extractor
    await extractor.close()
    assert children() == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.filename)
async def test_a_hostile_file_ends_in_its_state_and_harms_no_other(
    extractor: Extractor, tmp_path: Path, case: Case
) -> None:
    async with asyncio.timeout(ATTEMPTS * (LIMITS.deadline_s + LIMITS.start_s + LIMITS.end_s)):
        found = await outcome(extractor, case, tmp_path)
    assert (found.state, found.code) == (case.state, case.code), found.reason or found.text[:200]
    assert (repr(case.filename) in found.reason) == (case.state != "ready")
    assert bool(found.text.strip()) == (case.state == "ready")
    assert "root:" not in found.text
    following = await extractor.extract(files.written(tmp_path / "next.txt", "Next, please."), "next.txt")
    assert [passage.text for passage in following.passages] == ["Next, please."]


async def test_there_are_more_than_enough_of_them_and_no_two_alike() -> None:
    assert len({case.filename for case in CASES}) == len(CASES) >= 100
