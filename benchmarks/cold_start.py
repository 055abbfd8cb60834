"""How much longer a cold worker needs with Flightdeck than with a hello-world app with the same HTTP extension.

`python -m benchmarks.cold_start [--runs 15] [--package] [--check] [--update-docs]`: to index its functions, and to give
its first answer, a chat completion beside hello. The two apps alternate, each run in a fresh process, both with
compiled bytecode and without the blob trigger; --check fails above a target. --package takes what `make package`
builds, and both apps find nothing but its dependencies and the worker library.
"""

import argparse
import asyncio
import json
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks import hosted
from benchmarks.fresh import App, Comparison, Runs
from benchmarks.packages import deploy_flightdeck, deploy_hello
from benchmarks.processes import Program, free_port, module
from benchmarks.report import Spread, machine, publish, table
from benchmarks.sides import KEY, PLAIN_MODEL, start_upstream
from local import package
from local.azurite import Azurite, AzuriteConfig

INDEXING_TARGET = 1.3
FIRST_ANSWER_TARGET = 3.0
TOP = 12
_IMPORTED = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)
_BODY = json.dumps({"model": PLAIN_MODEL, "messages": [{"role": "user", "content": "Why are there tides?"}]}).encode()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="fresh processes for each app and measurement")
    parser.add_argument("--package", action="store_true", help="measure what `make package` builds")
    parser.add_argument("--check", action="store_true", help="exit 1 if a ratio is above its target")
    parser.add_argument("--update-docs", action="store_true", help="write the section of docs/benchmarks.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flightdeck-bench-") as folder:
        comparisons, section = asyncio.run(_compared(Path(folder), runs=arguments.runs, packed=arguments.package))
    publish("cold-start", section, update_docs=arguments.update_docs)
    missed = [f"{one.what}: {_worst(one):.2f} x, target {one.target} x" for one in comparisons if not _met(one)]
    if arguments.check and missed:
        raise SystemExit("Beside a hello-world app, " + "; ".join(missed) + ".")


async def _compared(folder: Path, *, runs: int, packed: bool) -> tuple[list[Comparison], str]:
    async with _surroundings(folder) as settings:
        hello, ours = _apps(folder, settings, packed=packed)
        comparisons = [
            Comparison("indexing", Runs(hello, ["indexing"]), Runs(ours, ["indexing"]), INDEXING_TARGET),
            Comparison(
                "first answer",
                Runs(hello, ["first_answer", "hello", "/hello", KEY], _BODY),
                Runs(ours, ["first_answer", "create_chat_completion", "/v1/chat/completions", KEY], _BODY),
                FIRST_ANSWER_TARGET,
            ),
        ]
        for one in comparisons:
            one.hello.warm()
            one.ours.warm()
        for _ in range(runs):
            for one in comparisons:
                one.once()
        return comparisons, _section(comparisons)


@asynccontextmanager
async def _surroundings(folder: Path) -> AsyncIterator[dict[str, str]]:
    """A model server that answers at once, Azurite and the fake Cosmos DB gateway, and the settings that lead there."""
    azurite = Azurite(AzuriteConfig(data_dir=folder / "azurite"))
    await azurite.start()
    upstream, url = await start_upstream()
    port = free_port()
    cosmos = await Program.start("cosmos", module("tests.cosmos.fake", str(port)), port=port)
    try:
        settings = hosted.settings(folder / "data", url)
        store = f"cosmos:http://127.0.0.1:{port}"
        yield {**settings, "FLIGHTDECK_STORE": store, "AzureWebJobsStorage": azurite.connection_string}
    finally:
        await cosmos.stop()
        await upstream.stop()
        await azurite.stop()


def _apps(folder: Path, settings: dict[str, str], *, packed: bool) -> tuple[App, App]:
    hello = deploy_hello(folder / "hello")
    if not packed:
        return App("hello world", hello), App("Flightdeck", deploy_flightdeck(folder / "flightdeck"), settings=settings)
    app, installed = _packed(folder)
    return App("hello world", hello, installed), App("Flightdeck, packaged", app, installed, settings)


def _packed(folder: Path) -> tuple[Path, Path]:
    """The package's app folder, and all that its processes find: its dependencies and the worker library."""
    app = package.build(folder / "package", compresslevel=0).app
    installed = app / package.DEPENDENCIES
    worker = find_spec("azure_functions_runtime")
    if worker is None or not worker.submodule_search_locations:
        raise SystemExit("The worker library is not installed.")
    (installed / "azure_functions_runtime").symlink_to(worker.submodule_search_locations[0])
    return app, installed


def _worst(one: Comparison) -> float:
    """CPU time is all there is to a start from a warm disk; the wall shows as well what is waited for."""
    return max(one.cpu_ratio, one.wall_ratio)


def _met(one: Comparison) -> bool:
    # Other work on the machine adds to the wall and not to CPU time, so indexing, which waits for nothing, goes by it.
    return (one.cpu_ratio if one.what == "indexing" else _worst(one)) <= one.target


def _section(comparisons: list[Comparison]) -> str:
    lines = [
        f"Median (lowest-highest) of {len(comparisons[0].ours.cpu_ms)} alternating runs each. A first answer is "
        "counted from the start of indexing to the answer's last byte, with the functions loaded and the worker's web "
        "server up; the model server answers at once from a process of its own, so nothing is taken off.",
        "",
    ]
    for one in comparisons:
        lines += [_figures(one), "", _by_package(one), ""]
    return "\n".join([*lines, machine()])


def _figures(one: Comparison) -> str:
    rows: list[tuple[object, ...]] = [
        (runs.app.name, Spread.of(runs.cpu_ms), Spread.of(runs.wall_ms), runs.functions, len(runs.modules))
        for runs in (one.hello, one.ours)
    ]
    rows.append((f"ratio of medians; target {one.target}", f"**{one.cpu_ratio:.2f}**", f"{one.wall_ratio:.2f}", "", ""))
    header = (f"{one.what} in a fresh process", "CPU ms", "wall ms", "functions", "modules")
    return f"{table(header, rows)}\n\nRatio of CPU time, run by run: {one.pairs}."


def _by_package(one: Comparison) -> str:
    return (
        f"Where the difference goes (`-X importtime`, self time of the {len(one.only_ours)} modules that a hello-world "
        "app does not load, by package; importtime itself slows imports, so only their proportions count):\n\n"
        + table(("package", "self ms", "modules"), _importtime(one))
    )


def _importtime(one: Comparison) -> list[tuple[str, float, int]]:
    """Self time by package; our own packages are split one level deeper."""
    spent_us: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for self_us, name in _IMPORTED.findall(one.ours.importtime()):
        if name in one.only_ours:
            package = _package(name)
            spent_us[package] += int(self_us)
            count[package] += 1
    return [(package, us / 1000, count[package]) for package, us in spent_us.most_common(TOP)]


def _package(module: str) -> str:
    parts = module.split(".")
    depth = 2 if parts[0] in ("shared", "functions", "azure", "azurefunctions", "opentelemetry") else 1
    return ".".join(parts[:depth])


if __name__ == "__main__":
    main()
