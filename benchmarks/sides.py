"""What is compared: each side's processes, its address, and which of its processes is the worker that is billed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import aiohttp

from benchmarks.load import Scenario, Target
from benchmarks.processes import Program, cpu_ms, family, free_port, module, rss_mb, settled_cpu_ms

KEY = "sk-benchmark"
PACE_S = 0.02
CHUNKS = 64
PLAIN_MODEL = "plain"
PACED_MODEL = "paced"
MODELS = (PLAIN_MODEL, PACED_MODEL)
HELLO_PATHS = {PLAIN_MODEL: "/hello", PACED_MODEL: f"/stream?count={CHUNKS}&pace_s={PACE_S}"}
ANSWER = "The moon and the sun pull along one line at full moon and at new moon, so their tides add up. " * 2


@dataclass(slots=True)
class Side:
    """One side under load. `worker` are the pids whose CPU time counts, `front` those that stand before it.

    `tidy` runs after a round, outside the clock.
    """

    name: str
    programs: list[Program]
    base_url: str
    worker: list[int]
    front: list[int] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    status: int = 200
    tidy: Callable[[], Awaitable[None]] | None = None

    def target(self, scenario: Scenario) -> Target:
        path = self.paths.get(scenario.model, "/v1/chat/completions")
        return Target(self.base_url + path, self.headers, self.body, self.status)

    def serves(self, scenario: Scenario) -> bool:
        """Whether this side takes part: a refusal has no stream."""
        return self.status == 200 or not scenario.stream_chunks

    async def at_rest(self) -> None:
        await settled_cpu_ms(self.worker)

    async def cpu(self) -> tuple[float, float]:
        """CPU ms so far of the worker, at rest, and of what stands before it."""
        return await settled_cpu_ms(self.worker), cpu_ms(self.front)

    def rss_mb(self) -> float:
        return rss_mb(self.worker)

    async def stop(self) -> None:
        for program in reversed(self.programs):
            await program.stop()


async def start_upstream() -> tuple[Program, str]:
    """The scripted model server, the same process for every side."""
    port = free_port()
    program = await Program.start("upstream", module("tests.upstream", "--port", str(port), "--no-bodies"), port=port)
    url = f"http://127.0.0.1:{port}"
    scripts = (
        {"model": PLAIN_MODEL, "default": {"text": ANSWER}},
        {"model": PACED_MODEL, "default": {"chunk_count": CHUNKS, "chunk_delay_s": PACE_S}},
    )
    async with aiohttp.ClientSession() as session:
        for script in scripts:
            async with session.post(f"{url}/_script", json=script) as response:
                response.raise_for_status()
    return program, url


def direct(upstream_url: str) -> Side:
    return Side("no gateway", [], upstream_url, [])


async def relay(upstream_url: str) -> Side:
    port = free_port()
    program = await Program.start("relay", module("benchmarks.relay", str(port), f"{upstream_url}/v1"), port=port)
    return Side("bare aiohttp relay", [program], f"http://127.0.0.1:{port}", family(program.pid))


async def inner() -> Side:
    port = free_port()
    program = await Program.start("inner", module("benchmarks.inner", str(port)), port=port)
    return Side(
        "inner HTTP server alone", [program], f"http://127.0.0.1:{port}", family(program.pid), paths=HELLO_PATHS
    )
