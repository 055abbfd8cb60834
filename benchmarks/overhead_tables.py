"""The tables of the overhead benchmark, in Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks.cells import SCENARIOS, Cells
from benchmarks.load import Scenario
from benchmarks.report import Spread, percentile, table
from benchmarks.sides import Side

TIMES_PLAIN, TIMES_STREAM, TIMES_MEMORY = 5, 10, 3
"""How much less than the rival the product has to take."""

_NAMES = tuple(scenario.name for scenario in SCENARIOS)


def cpu_table(cells: Cells, compared: Sequence[Side], *, product: Side, rival: Side) -> str:
    """Worker CPU of each side, and how the product stands to the others."""
    rows: list[tuple[object, ...]] = [(side.name, *_spreads(cells, side)) for side in compared]
    pairs = [(product, side) for side in compared if side is not product] + [(rival, product)]
    rows += [(f"**{one.name} / {other.name}**", *_ratios(cells, one, other)) for one, other in pairs]
    return table(("worker CPU ms a request", *_NAMES), rows)


def missed(cells: Cells, product: Side, rival: Side) -> list[str]:
    """Scenarios in which the product takes more than a fifth of the rival's CPU, or a tenth of it for a stream; and
    memory, if more than a third."""
    found: list[str] = []
    for scenario in SCENARIOS:
        wanted = TIMES_STREAM if scenario.stream_chunks else TIMES_PLAIN
        times = _ratio(cells, rival, product, scenario).middle
        if times < wanted:
            found.append(f"{scenario.name} ({times:.1f} instead of {wanted} times)")
    if TIMES_MEMORY * product.rss_mb() > rival.rss_mb():
        found.append("memory")
    return found


def _spreads(cells: Cells, side: Side) -> list[object]:
    return [_worker(cells, side, scenario) if side.serves(scenario) else "" for scenario in SCENARIOS]


def _ratios(cells: Cells, one: Side, other: Side) -> list[object]:
    return [f"**{_ratio(cells, one, other, scenario)}**" for scenario in SCENARIOS]


def _ratio(cells: Cells, one: Side, other: Side, scenario: Scenario) -> Spread:
    """Round by round, so that what slows a round slows both."""
    ours, theirs = cells[one.name, scenario.name].worker_ms, cells[other.name, scenario.name].worker_ms
    return Spread.of([a / b for a, b in zip(ours, theirs, strict=True)])


def _worker(cells: Cells, side: Side, scenario: Scenario) -> Spread:
    return Spread.of(cells[side.name, scenario.name].worker_ms)


def latency_table(cells: Cells, compared: Iterable[Side], *, base: Side) -> str:
    """Waits: to the end of a plain answer, to the first byte of a stream; what is added is taken round by round."""
    sides = list(compared)
    rows: list[tuple[object, ...]] = [
        (f"{side.name}, p50 / p99", *(_waited(cells, side, scenario) for scenario in SCENARIOS))
        for side in [base, *sides]
    ]
    rows += [
        (f"added by {side.name}, p50", *(_added(cells, side, base, scenario) for scenario in SCENARIOS))
        for side in sides
    ]
    return table(("ms", *_NAMES), rows)


def _rounds(cells: Cells, side: Side, scenario: Scenario) -> list[list[float]]:
    waits = cells[side.name, scenario.name].waits
    return [each.first_ms if scenario.stream_chunks else each.total_ms for each in waits]


def end_table(cells: Cells, sides: Iterable[Side]) -> str:
    """Milliseconds from the request to the last byte of a stream."""
    streams = [scenario for scenario in SCENARIOS if scenario.stream_chunks]

    def end(side: Side, scenario: Scenario) -> str:
        every = [ms for each in cells[side.name, scenario.name].waits for ms in each.total_ms]
        return f"{percentile(every, 0.5):.0f} / {percentile(every, 0.99):.0f}"

    rows = [(f"{side.name}, p50 / p99", *(end(side, scenario) for scenario in streams)) for side in sides]
    return table(("ms", *(scenario.name for scenario in streams)), rows)


def _waited(cells: Cells, side: Side, scenario: Scenario) -> str:
    every = [ms for each in _rounds(cells, side, scenario) for ms in each]
    return f"{percentile(every, 0.5):.1f} / {percentile(every, 0.99):.1f}"


def _added(cells: Cells, side: Side, base: Side, scenario: Scenario) -> Spread:
    pairs = zip(_rounds(cells, side, scenario), _rounds(cells, base, scenario), strict=True)
    return Spread.of([percentile(mine, 0.5) - percentile(least, 0.5) for mine, least in pairs])


def rest_table(sides: Iterable[Side], idle_ms: Iterable[float]) -> str:
    rows = [(side.name, f"{side.rss_mb():.0f}", ms) for side, ms in zip(sides, idle_ms, strict=True)]
    return table(("after the run", "worker RSS MB", "idle, CPU ms a second"), rows)


def breakdown_table(cells: Cells, ladder: Sequence[Side]) -> str:
    """Each rung does what the one before it does and one thing more: total (what the rung adds)."""
    below: dict[str, float] = {}

    def cell(side: Side, scenario: Scenario) -> str:
        if not side.serves(scenario):
            return ""
        middle = _worker(cells, side, scenario).middle
        added = middle - below.get(scenario.name, 0.0)
        below[scenario.name] = middle
        return f"{middle:.2f} ({added:+.2f})"

    rows = [(side.name, *(cell(side, scenario) for scenario in SCENARIOS)) for side in ladder]
    return table(("worker CPU ms a request (added)", *_NAMES), rows)


def front_table(cells: Cells, hosted: Sequence[Side]) -> str:
    """What the local host's own process takes: on Azure that is the platform's, and not billed."""

    def front(side: Side, scenario: Scenario) -> Spread:
        return Spread.of(cells[side.name, scenario.name].front_ms)

    rows = [(side.name, *(front(side, scenario) for scenario in SCENARIOS)) for side in hosted]
    return table(("front CPU ms a request", *_NAMES), rows)


def profile_table(profiles: Sequence[tuple[Scenario, Sequence[tuple[str, float]]]], *, top: int) -> str:
    """Shares by part of the system, ordered by the first profile."""
    shares = [dict(profile) for _, profile in profiles]
    parts = [part for part, _ in profiles[0][1]][:top]
    rows = [(part, *(f"{share.get(part, 0.0):.1f} %" for share in shares)) for part in parts]
    return table(("share of the worker's samples", *(scenario.name for scenario, _ in profiles)), rows)
