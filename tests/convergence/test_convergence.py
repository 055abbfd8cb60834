"""Random histories end in the index that a clean build would make. `CONVERGENCE_SEEDS=1000 make soak` runs more."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.contracts import azurite
from tests.convergence.harness import WorkerProcess, history
from tests.convergence.histories import HISTORIES, Act, play

STORES = ("sqlite", "cosmos")
HISTORIES_A_SEED = 6


@dataclass(frozen=True)
class Surroundings:
    storage: str
    worker: WorkerProcess


@pytest.fixture(scope="module")
def surroundings() -> Iterator[Surroundings]:
    with azurite.running() as storage:
        worker = WorkerProcess(storage)
        yield Surroundings(storage, worker)
        worker.stop()


def run(kind: str, around: Surroundings, number: int) -> int:
    """Histories from one seed; how many workers were killed."""

    @seed(number)
    @settings(
        max_examples=HISTORIES_A_SEED,
        deadline=None,
        database=None,
        print_blob=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(HISTORIES)
    def play_in_a_new_store(turns: Sequence[Sequence[Act]]) -> None:
        with (
            tempfile.TemporaryDirectory(prefix="convergence-") as folder,
            history(kind, Path(folder), around.storage, around.worker) as harness,
        ):
            play(turns, harness)

    before = around.worker.kills
    play_in_a_new_store()
    return around.worker.kills - before


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("kind", STORES)
def test_any_history_of_events_and_crashes_ends_in_the_same_index(
    kind: str, surroundings: Surroundings, number: int
) -> None:
    assert run(kind, surroundings, number) > 0, "no worker was killed: the failpoints are never reached"


@pytest.mark.soak
@pytest.mark.parametrize("kind", STORES)
def test_many_histories_end_in_the_same_index(kind: str, surroundings: Surroundings) -> None:
    seeds = int(os.environ.get("CONVERGENCE_SEEDS", "20"))
    kills = sum(run(kind, surroundings, 100 + number) for number in range(seeds))
    print(f"\n{kind}: {seeds} seeds of {HISTORIES_A_SEED} histories, {kills} workers killed, all converged")
