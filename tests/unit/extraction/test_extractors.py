"""Two readers where there are two cores, and only when documents queue up."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.errors import OverloadedError
from shared.retrieval.extraction.extractors import Extractors
from tests.unit.extraction import files
from tests.unit.extraction.processes import children, until


@pytest.fixture(params=[1, 2])
def cores(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
async def extractors(cores: int) -> AsyncIterator[Extractors]:
    extractors = Extractors(cores=cores)
    yield extractors
    await extractors.close()


@pytest.fixture
def short(tmp_path: Path) -> Path:
    return files.written(tmp_path / "short.txt", "A short document.")


async def test_a_few_documents_are_read_by_one_child(extractors: Extractors, short: Path) -> None:
    for _ in range(3):
        found = await asyncio.gather(*(extractors.extract(short, "short.txt") for _ in range(4)))
        assert [one.characters for one in found] == [17] * 4
    assert len(children()) == 1


@pytest.mark.parametrize("cores", [2], indirect=True)
async def test_what_queues_behind_long_documents_goes_to_a_second_child(
    extractors: Extractors, short: Path, tmp_path: Path
) -> None:
    line = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(25_000))
    long = files.written(tmp_path / "long.txt", "\n".join([line] * 4))
    waiting = [asyncio.create_task(extractors.extract(long, "long.txt")) for _ in range(4)]
    behind = asyncio.create_task(extractors.extract(short, "short.txt"))
    assert (await behind).characters == 17
    assert not waiting[-1].done()
    assert len(children()) == 2
    await extractors.close()
    assert isinstance((await asyncio.gather(*waiting, return_exceptions=True))[-1], OverloadedError)
    assert children() == []


@pytest.mark.parametrize("cores", [1], indirect=True)
async def test_a_single_core_has_one_reader_however_many_wait(extractors: Extractors, short: Path) -> None:
    await asyncio.gather(*(extractors.extract(short, "short.txt") for _ in range(9)))
    assert len(children()) == 1


async def test_a_child_is_there_before_the_document(extractors: Extractors, short: Path) -> None:
    for _ in range(3):
        extractors.prepare()
    (prepared,) = await until(children)
    assert (await extractors.extract(short, "short.txt")).characters == 17
    extractors.prepare()
    assert children() == [prepared]


async def test_a_child_that_is_being_started_is_ended_with_the_others(extractors: Extractors, short: Path) -> None:
    extractors.prepare()
    await extractors.close()
    extractors.prepare()
    with pytest.raises(OverloadedError):
        await extractors.extract(short, "short.txt")
    assert children() == []
