"""What Flightdeck costs beside a bare aiohttp relay and LiteLLM's proxy: worker CPU a request, memory, added latency.

`python -m benchmarks.overhead [--rounds 3] [--no-profile] [--check] [--update-docs]`. One run: every side is up at
once, all speak to the same scripted upstream process, and rounds go in turn over all sides. Takes about ten minutes.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import hosted, litellm_proxy, overhead_tables, sampling, sides
from benchmarks.cells import SCENARIOS, Cells, measure
from benchmarks.processes import cpu_ms
from benchmarks.report import machine, publish
from benchmarks.sides import CHUNKS, PACE_S, Side
from local.azurite import Azurite, AzuriteConfig

_TRIED = """What was tried, by the processor time of the worker that had it and the one that had not in the same run:

- connections of our own over llhttp instead of aiohttp's client (`shared/adapters/connections`): for the two writes
  to the queue a fifth of a plain request, for the call to the model a tenth. What runs once in a few milliseconds
  runs from cold caches: a write alone takes 0.2 ms in a tight loop and took 0.8 ms here. In.
- to let words gather for 0 / 50 / 100 ms: 1.55 / 1.14 / 0.80 times the bare relay for one stream, 1.57 / 1.14 /
  1.00 for 32; 300 ms gain nothing over 100 at 32 streams. The socket is paused meanwhile, under TLS too, so that
  what comes wakes nobody, and all streams of a process go on at the same moments. In, at 125 ms
  (`FLIGHTDECK_GATHER_S`): at 100 ms, all else as it is now, LiteLLM takes 9.9 times as much for one stream.
- to read the socket in the timer of that moment: neither the task that waits for it nor the kernel, which would say
  whether something is there, is asked first. 7 to 8 % of one stream and of 32. In.
- one timer for all waits of an answer instead of one for each: nothing for one stream, 5 % of 32. In.
- limits whose leases have run out ask the store at the same time, not one after the other: in.
- to look into events that say something new only, also where several come as one: in.
- a second piece that comes not before half of the time has passed since the first word: nothing to be measured. Out.
- what is left of a slow stream is not all ours: the inner server (uvicorn) wakes up ten times a second by itself,
  0.25 ms each time, which is 3 ms of a stream of 64 tokens."""

_PROFILED = (SCENARIOS[1], SCENARIOS[3])
_PROFILE_S = 10
_TOP = 14
_IDLE_S = 10


@dataclass(frozen=True, slots=True)
class Field:
    """All sides, up and listening."""

    direct: Side
    relay: Side
    litellm: Side
    inner: Side
    hello: Side
    refusing: Side
    unmetered: Side
    one_by_one: Side
    flightdeck: Side

    @property
    def all(self) -> list[Side]:
        return [
            *(self.direct, self.relay, self.litellm, self.inner),
            *(self.hello, self.refusing, self.unmetered, self.one_by_one, self.flightdeck),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-profile", action="store_true", help="leave out the samples of py-spy")
    parser.add_argument("--check", action="store_true", help="fail when a target is missed")
    parser.add_argument("--update-docs", action="store_true", help="write the section of docs/benchmarks.md")
    arguments = parser.parse_args()
    section, missed = asyncio.run(_run(rounds=arguments.rounds, profiled=not arguments.no_profile))
    publish("overhead", section, update_docs=arguments.update_docs)
    if arguments.check and missed:
        raise SystemExit(f"Missed: {', '.join(missed)}.")


async def _run(*, rounds: int, profiled: bool) -> tuple[str, list[str]]:
    with tempfile.TemporaryDirectory(prefix="flightdeck-bench-") as folder:
        async with _everything(Path(folder)) as field:
            cells = await measure(field.all, rounds=rounds)
            profile = await _profile(field.flightdeck, Path(folder)) if profiled else None
            idle = await _idle([field.relay, field.flightdeck, field.litellm])
            section = _section(field, cells, profile, idle=idle, rounds=rounds)
            return section, overhead_tables.missed(cells, field.flightdeck, field.litellm)


@asynccontextmanager
async def _everything(folder: Path) -> AsyncIterator[Field]:
    async with AsyncExitStack() as stack:
        azurite = Azurite(AzuriteConfig(data_dir=folder / "azurite"))
        stack.push_async_callback(azurite.stop)
        await azurite.start()
        upstream, url = await sides.start_upstream()
        stack.push_async_callback(upstream.stop)

        def up(side: Side) -> Side:
            stack.push_async_callback(side.stop)
            return side

        storage = azurite.connection_string
        flightdeck = up(await hosted.flightdeck(folder, storage, url))
        yield Field(
            direct=sides.direct(url),
            relay=up(await sides.relay(url)),
            litellm=up(await litellm_proxy.start(url, folder)),
            inner=up(await sides.inner()),
            hello=up(await hosted.hello(folder, storage)),
            refusing=hosted.refusing(flightdeck),
            unmetered=up(await hosted.unmetered(folder, storage, url)),
            one_by_one=up(await hosted.one_by_one(folder, storage, url)),
            flightdeck=flightdeck,
        )


async def _idle(compared: list[Side]) -> list[float]:
    """CPU ms that each worker takes in a second without requests."""
    before = [(await side.cpu())[0] for side in compared]
    began = time.perf_counter()
    await asyncio.sleep(_IDLE_S)
    seconds = time.perf_counter() - began
    return [(cpu_ms(side.worker) - cpu) / seconds for side, cpu in zip(compared, before, strict=True)]


async def _profile(side: Side, folder: Path) -> str | None:
    profiles = [
        (scenario, sampling.by_part(stacks))
        for scenario in _PROFILED
        if (stacks := await sampling.sample(side, scenario, seconds=_PROFILE_S, folder=folder))
    ]
    return overhead_tables.profile_table(profiles, top=_TOP) if profiles else None


def _section(field: Field, cells: Cells, profile: str | None, *, idle: Sequence[float], rounds: int) -> str:
    compared = [field.relay, field.flightdeck, field.litellm]
    ladder = [field.inner, field.hello, field.refusing, field.unmetered, field.one_by_one, field.flightdeck]
    parts = [
        f"Median (lowest-highest) of {rounds} rounds of one run; a stream has {CHUNKS} tokens, one every "
        f"{PACE_S * 1000:.0f} ms; {litellm_proxy.version()}, one worker, no database. Flightdeck holds every call to "
        "limits of its tenant and its key, and meters it through a real queue (Azurite). Ratios are taken round by "
        "round.",
        overhead_tables.cpu_table(cells, compared, product=field.flightdeck, rival=field.litellm),
        "What a client waits (plain: to the end of the answer; stream: to its first byte). The p99 of a few streams is "
        "their maximum. Flightdeck's figures include the local host's front; all processes share the machine's cores.",
        overhead_tables.latency_table(cells, compared, base=field.direct),
        "What a stream's end waits. Flightdeck passes on what comes close together as one piece, eight times a second.",
        overhead_tables.end_table(cells, [field.direct, field.relay, field.one_by_one, *compared[1:]]),
        "At rest. What a side does when nobody asks is in its figures too, most of all in slow streams one at a time.",
        overhead_tables.rest_table(compared, idle),
        "Where Flightdeck's worker spends it: each rung does what the rung before does, and one thing more; the last "
        "lets the words of a stream gather.",
        overhead_tables.breakdown_table(cells, ladder),
        "Beside the worker, not billed on Azure: the local host's front.",
        overhead_tables.front_table(cells, [field.hello, field.flightdeck]),
    ]
    parts.append(_TRIED)
    if profile is not None:
        parts += ["Samples of the Flightdeck worker under load, by the innermost part of it on the stack:", profile]
    if lost := hosted.retried_writes(field.flightdeck):
        parts.append(f"Azurite could not keep up: {lost} writes to the usage queue were tried again.")
    return "\n\n".join([*parts, machine()])


if __name__ == "__main__":
    main()
