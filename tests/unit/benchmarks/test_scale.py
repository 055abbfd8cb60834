"""The models behind docs/scale.md hold to what they model."""

from pathlib import Path

import pytest

from benchmarks import scale

PAGE = Path(__file__).parents[3] / "docs" / "scale.md"


@pytest.mark.parametrize("instances", [1, 8, 200])
@pytest.mark.parametrize("demand", [0.5, 2.0])
async def test_the_limiter_never_admits_more_than_the_limit(instances: int, demand: float) -> None:
    seen = await scale.limiter(instances=instances, demand=demand, seconds=120)
    assert seen.admitted_tokens <= seen.allowed_tokens


def test_an_import_cannot_be_faster_than_its_tightest_limit() -> None:
    has = scale.Capacity()
    seconds, bound = scale.fan_out(1e6, has)
    assert seconds == pytest.approx(1e6 / min(scale.ceilings(has).values()), rel=0.01)
    assert bound == "embedding tokens"


def test_when_models_and_stores_are_ample_instances_are_what_is_waited_for() -> None:
    has = scale.Capacity(embedding_tpm=10**9, store_ru=10**8, queue_messages=10**6)
    assert scale.fan_out(1e6, has)[1] == "instances"


def test_the_page_shows_what_the_simulation_prints(capsys: pytest.CaptureFixture[str]) -> None:
    scale.main()
    for line in capsys.readouterr().out.splitlines():
        assert line in PAGE.read_text()
