"""The rounds of the overhead benchmark: which loads, in which order, and what each came to."""

from dataclasses import dataclass, field

from benchmarks.load import Scenario, Waits, drive
from benchmarks.sides import CHUNKS, PACED_MODEL, PLAIN_MODEL, Side

SCENARIOS = (
    Scenario("plain, 1 at a time", PLAIN_MODEL, requests=200, concurrency=1),
    Scenario("plain, 32 at a time", PLAIN_MODEL, requests=400, concurrency=32),
    Scenario("stream, 1 at a time", PACED_MODEL, requests=6, concurrency=1, stream_chunks=CHUNKS),
    Scenario("stream, 32 at a time", PACED_MODEL, requests=64, concurrency=32, stream_chunks=CHUNKS),
)


@dataclass(slots=True)
class Cell:
    """One side in one scenario, a value a round."""

    worker_ms: list[float] = field(default_factory=list)
    front_ms: list[float] = field(default_factory=list)
    waits: list[Waits] = field(default_factory=list)


type Cells = dict[tuple[str, str], Cell]


async def measure(running: list[Side], *, rounds: int) -> Cells:
    """Scenario by scenario over all sides, each round beginning with another side."""
    cells: Cells = {}
    for side in running:
        for scenario in filter(side.serves, SCENARIOS[1::2]):
            await drive(side.target(scenario), scenario)
            await side.at_rest()
    for number in range(rounds):
        turn = number * 3 % len(running)
        for scenario in SCENARIOS:
            for side in running[turn:] + running[:turn]:
                if side.serves(scenario):
                    await _round(side, scenario, cells.setdefault((side.name, scenario.name), Cell()))
        print(f"round {number + 1} of {rounds} done", flush=True)
    return cells


async def _round(side: Side, scenario: Scenario, cell: Cell) -> None:
    worker, front = await side.cpu()
    cell.waits.append(await drive(side.target(scenario), scenario))
    worker_after, front_after = await side.cpu()
    cell.worker_ms.append((worker_after - worker) / scenario.requests)
    cell.front_ms.append((front_after - front) / scenario.requests)
    if side.tidy is not None:
        await side.tidy()
